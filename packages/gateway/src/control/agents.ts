import { Hono } from 'hono'
import { z } from 'zod'
import type { AuditLog } from '../audit/log.ts'
import type { Projection } from '../audit/projection/projection.ts'
import { historyOf } from '../audit/questions/history.ts'
import { Name } from '../config/schema.ts'
import type { Agents } from '../identity/agents.ts'
import type { Enrolment } from '../identity/enrolment.ts'
import type { Instances } from '../identity/instances.ts'
import { OVERLAP_MS } from '../identity/instances.ts'
import type { Clock } from '../lib/clock.ts'
import { refuse } from '../model/refusal.ts'
import { readInput, readNumber } from './input.ts'
import type { ControlEnv } from './session.ts'
import { by } from './session.ts'

export interface AgentsApiDeps {
  readonly issuer: string
  readonly agents: Agents
  readonly enrolment: Enrolment
  readonly instances: Instances
  readonly log: AuditLog
  readonly projection: Projection
  readonly clock: Clock
}

const NewAgent = z.strictObject({
  name: Name,
  sponsor: z.string().min(3).max(200),
  purpose: z.string().max(200).default(''),
})

const MAX_HISTORY = 1000

/** Agents and their instances: WHO. */
export function agentRoutes(deps: AgentsApiDeps): Hono<ControlEnv> {
  const { issuer, agents, enrolment, instances } = deps
  const app = new Hono<ControlEnv>()

  app.get('/agents', async (c) => c.json({ agents: await agents.list() }))
  app.post('/agents', async (c) =>
    c.json({ agent: await agents.add(await readInput(c, NewAgent), by(c)) }, 201),
  )
  app.get('/agents/:name', async (c) => {
    const agent = await agents.require(c.req.param('name'))
    return c.json({ agent, instances: await instances.list(agent.id) })
  })
  app.get('/agents/:name/history', async (c) => {
    const agent = await agents.require(c.req.param('name'))
    const instance = c.req.query('instance')
    const known = await instances.list(agent.id)
    if (instance !== undefined && !known.some((own) => own.id === instance)) {
      refuse('INSTANCE_UNKNOWN', { instance: instance.slice(0, 60) })
    }
    const page = {
      count: Math.min(readNumber(c.req.query('count'), 50), MAX_HISTORY),
      before: c.req.query('before') === undefined ? undefined : readNumber(c.req.query('before'), 0),
    }
    const { indexes, before } = await deps.projection.ask((db) =>
      historyOf(db, { log: deps.log.origin, agent: agent.id, instance }, page),
    )
    const entries = await Promise.all(indexes.map((index) => deps.log.read(index)))
    return c.json({
      entries: entries.map(({ index, leaf, entry }) => ({ index, leaf, ...entry })),
      before: before ?? null,
    })
  })
  app.post('/agents/:name/enrol', async (c) => {
    const agent = await agents.require(c.req.param('name'))
    return c.json({ ...(await enrolment.issue(agent.id, by(c))), issuer }, 201)
  })
  app.post('/agents/:name/sponsor', async (c) => {
    const { sponsor } = await readInput(c, z.strictObject({ sponsor: z.string().min(3).max(200) }))
    return c.json({ agent: await agents.changeSponsor(c.req.param('name'), sponsor, by(c)) })
  })
  app.post('/agents/:name/review', async (c) =>
    c.json({ agent: await agents.review(c.req.param('name'), by(c)) }),
  )
  app.post('/agents/:name/bearer', async (c) => {
    const { allow } = await readInput(c, z.strictObject({ allow: z.boolean() }))
    return c.json({ agent: await agents.allowBearer(c.req.param('name'), allow, by(c)) })
  })
  app.get('/reviews', async (c) => c.json({ agents: await agents.needingReview() }))
  app.post('/sponsors/left', async (c) => {
    const { sponsor } = await readInput(c, z.strictObject({ sponsor: z.string().min(3).max(200) }))
    return c.json({ sponsor, agents: await agents.sponsorLeft(sponsor, by(c)) })
  })
  app.post('/instances/:id/rotate', async (c) => {
    const until = deps.clock.now() + OVERLAP_MS
    await instances.requireRotation(c.req.param('id'), until, by(c))
    return c.json({ instance: c.req.param('id'), until })
  })
  app.post('/agents/:name/suspend', async (c) =>
    c.json({ agent: await agents.suspend(c.req.param('name'), by(c)) }),
  )
  app.post('/agents/:name/resume', async (c) =>
    c.json({ agent: await agents.resume(c.req.param('name'), by(c)) }),
  )
  app.post('/agents/:name/revoke', async (c) =>
    c.json({ agent: await agents.revoke(c.req.param('name'), by(c)) }),
  )
  app.post('/instances/:id/revoke', async (c) =>
    c.json({ instance: await instances.revoke(c.req.param('id'), by(c)) }),
  )
  return app
}
