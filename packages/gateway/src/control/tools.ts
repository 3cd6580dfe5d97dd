import { Hono } from 'hono'
import { z } from 'zod'
import { refuse } from '../model/refusal.ts'
import type { Registry } from '../registry/tools.ts'
import { Note, readInput } from './input.ts'
import type { ControlEnv } from './session.ts'
import { by } from './session.ts'

export interface ToolsApiDeps {
  readonly registry: Registry
  /** Asks a server again what it offers; all servers when none is named. Resolves with what could not be asked. */
  refresh(server: string | undefined): Promise<readonly { server: string; problem: string }[]>
}

const Approve = z.strictObject({
  note: Note.optional(),
  /** Codes of severe findings that the operator has read and takes. */
  accept: z.array(z.string().max(60)).max(50).optional(),
  despite: z.boolean().default(false),
  /** Of the definition the operator looked at, so that nothing that came after is approved. */
  digest: z.string().max(100).optional(),
})
const Reject = z.strictObject({ note: Note.optional() })

/** The registry: WHAT. A reference is `server/tool`, `server/prompt:name` or `server/*`. */
export function toolRoutes({ registry, refresh }: ToolsApiDeps): Hono<ControlEnv> {
  const app = new Hono<ControlEnv>()
  const ref = (server: string, name: string) => `${server}/${name}`

  app.get('/tools', async (c) => {
    const status = c.req.query('status')
    const server = c.req.query('server')
    return c.json({
      tools: registry.list({ ...(status ? { status } : {}), ...(server ? { server } : {}) }),
    })
  })
  app.post('/tools/refresh', async (c) => {
    const { server } = await readInput(c, z.strictObject({ server: z.string().max(60).optional() }))
    return c.json({ problems: await refresh(server) })
  })
  app.get('/tools/:server/:name', (c) =>
    c.json({ tool: registry.show(ref(c.req.param('server'), c.req.param('name'))) }),
  )
  app.get('/tools/:server/:name/diff', (c) => {
    const target = ref(c.req.param('server'), c.req.param('name'))
    return c.json({ diff: registry.diff(target), findings: registry.show(target).findings })
  })
  app.post('/tools/:server/:name/approve', async (c) => {
    const { note, accept, despite, digest } = await readInput(c, Approve)
    const target = ref(c.req.param('server'), c.req.param('name'))
    if (digest !== undefined && target.endsWith('/*')) {
      refuse('REQUEST_MALFORMED', { detail: 'a digest is of one tool; name the tool' })
    }
    return c.json({ tools: await registry.approve(target, by(c), note, { accept, despite, digest }) })
  })
  app.post('/tools/:server/:name/reject', async (c) => {
    const { note } = await readInput(c, Reject)
    return c.json({
      tools: await registry.reject(ref(c.req.param('server'), c.req.param('name')), by(c), note),
    })
  })
  return app
}
