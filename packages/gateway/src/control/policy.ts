import { Hono } from 'hono'
import { z } from 'zod'
import type { Explanation } from '../gateway/explain.ts'
import type { JsonObject } from '../model/json.ts'
import { readInput } from './input.ts'
import type { ControlEnv } from './session.ts'

export interface PolicyApiDeps {
  /** Runs the deciding stages on a call that is not made. */
  explain(call: { agent: string; template: string; tool: string; args: JsonObject }): Promise<Explanation>
}

const Call = z.strictObject({
  agent: z.string().min(1).max(60),
  template: z.string().min(1).max(60),
  tool: z.string().min(3).max(200),
  args: z.record(z.string(), z.json()).default({}),
})

export function policyRoutes({ explain }: PolicyApiDeps): Hono<ControlEnv> {
  const app = new Hono<ControlEnv>()
  app.post('/policy/explain', async (c) => {
    const call = await readInput(c, Call)
    return c.json(await explain({ ...call, args: call.args as JsonObject }))
  })
  return app
}
