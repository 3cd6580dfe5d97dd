import { Hono } from 'hono'
import { z } from 'zod'
import { Name } from '../config/schema.ts'
import type { Agents } from '../identity/agents.ts'
import type { Enrolment } from '../identity/enrolment.ts'
import type { Instances } from '../identity/instances.ts'
import { readInput } from './input.ts'

export interface AgentsApiDeps {
  readonly operator: string
  readonly issuer: string
  readonly agents: Agents
  readonly enrolment: Enrolment
  readonly instances: Instances
}

const NewAgent = z.strictObject({
  name: Name,
  sponsor: z.string().min(3).max(200),
  purpose: z.string().max(200).default(''),
})

/** Agents and their instances: WHO. */
export function agentRoutes({ operator, issuer, agents, enrolment, instances }: AgentsApiDeps): Hono {
  const app = new Hono()
  const by = { kind: 'operator', operator } as const

  app.get('/agents', async (c) => c.json({ agents: await agents.list() }))
  app.post('/agents', async (c) => c.json({ agent: await agents.add(await readInput(c, NewAgent), by) }, 201))
  app.get('/agents/:name', async (c) => {
    const agent = await agents.require(c.req.param('name'))
    return c.json({ agent, instances: await instances.list(agent.id) })
  })
  app.post('/agents/:name/enrol', async (c) => {
    const agent = await agents.require(c.req.param('name'))
    return c.json({ ...(await enrolment.issue(agent.id, by)), issuer }, 201)
  })
  app.post('/agents/:name/suspend', async (c) =>
    c.json({ agent: await agents.suspend(c.req.param('name'), by) }),
  )
  app.post('/agents/:name/resume', async (c) =>
    c.json({ agent: await agents.resume(c.req.param('name'), by) }),
  )
  app.post('/agents/:name/revoke', async (c) =>
    c.json({ agent: await agents.revoke(c.req.param('name'), by) }),
  )
  app.post('/instances/:id/revoke', async (c) =>
    c.json({ instance: await instances.revoke(c.req.param('id'), by) }),
  )
  return app
}
