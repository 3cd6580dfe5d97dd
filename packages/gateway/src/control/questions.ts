import { Hono } from 'hono'
import { z } from 'zod'
import type { Subjects } from '../audit/content/subjects.ts'
import type { Level } from '../audit/level.ts'
import type { AuditLog } from '../audit/log.ts'
import type { Projection } from '../audit/projection/projection.ts'
import type { Paging } from '../audit/questions/asked.ts'
import { placeOf } from '../audit/questions/asked.ts'
import { did } from '../audit/questions/did.ts'
import { reportFacts } from '../audit/questions/report.ts'
import type { ReadEntry } from '../audit/questions/task-words.ts'
import { timeline } from '../audit/questions/timeline.ts'
import { whoSaw } from '../audit/questions/who-saw.ts'
import type { Tasks } from '../grants/tasks.ts'
import type { Agents } from '../identity/agents.ts'
import type { Clock } from '../lib/clock.ts'
import { refuse } from '../model/refusal.ts'
import { readInput, readQuery } from './input.ts'
import type { ControlEnv } from './session.ts'
import { by } from './session.ts'

export interface QuestionsApiDeps {
  readonly log: AuditLog
  readonly projection: Projection
  readonly agents: Agents
  readonly clock: Clock
  readonly subjects: Subjects
  /** How far the log can be believed. */
  level(): Promise<Level>
  readonly tasks: Tasks
}

const DAY_MS = 86_400_000
/** Nothing else of what is asked for gets into the log. */
const PSEUDONYM = /^sbj_[0-9a-z]{26}$/
const Moment = z.iso
  .datetime({ error: 'a time is written as in 2026-11-25T13:00:00Z' })
  .transform((text) => Date.parse(text))

export const SPAN = { since: Moment.optional(), until: Moment.optional() }
export const PAGING = {
  count: z.coerce.number().int().min(1).max(1000).default(100),
  after: z.string().max(60).optional(),
}

const Did = z.strictObject({
  ...SPAN,
  ...PAGING,
  agent: z.string().min(1).max(60),
  instance: z.string().max(60).optional(),
  tool: z.string().min(1).max(600).optional(),
  denied: z.enum(['true', 'false']).optional(),
})
const WhoSaw = z.strictObject({ ...SPAN, ...PAGING, subject: z.string().min(1).max(200) })
const Report = z.strictObject({ from: Moment.optional(), to: Moment.optional() })

/** What happened, asked of the searchable tables and covered by a signed checkpoint. */
export function questionRoutes(deps: QuestionsApiDeps): Hono<ControlEnv> {
  const { log, projection, agents, clock } = deps
  const app = new Hono<ControlEnv>()
  const read = readerOf(log)

  app.get('/audit/did', async (c) => {
    const asked = readQuery(c, Did)
    const agent = await agents.require(asked.agent)
    const about = { ...asked, agent: agent.id, denied: asked.denied === 'true' }
    const page = await projection.ask((db) => did(db, about, pagingOf(asked)))
    return c.json({ agent: { id: agent.id, name: agent.name }, ...page })
  })

  app.get('/audit/timeline/:task', async (c) => {
    const paging = readQuery(c, z.strictObject(PAGING))
    const task = c.req.param('task').slice(0, 60)
    const found = await projection.ask((db) => timeline(db, task, pagingOf(paging), read))
    return c.json(found ?? refuse('TASK_UNKNOWN', { task: task.slice(0, 40) }))
  })

  /** A name comes in the body, because addresses are written down in many places. That somebody asked is recorded, by the pseudonym. */
  app.post('/audit/who-saw', async (c) => {
    const { subject: name, ...asked } = await readInput(c, WhoSaw)
    const subject = PSEUDONYM.test(name) ? name : await deps.subjects.pseudonymOf(name)
    // Also whether somebody is known at all is an answer; a name that is not goes nowhere.
    const about = subject === undefined ? { known: false } : { subject }
    await log.append({ type: 'audit.queried', actor: by(c), data: { question: 'who-saw', ...about } })
    if (subject === undefined) return refuse('SUBJECT_UNKNOWN')
    const words = { read, purpose: async (task: string) => (await deps.tasks.get(task))?.purpose }
    const page = await projection.ask((db) => whoSaw(db, { ...asked, subject }, pagingOf(asked), words))
    const names = new Map((await agents.list()).map(({ id, name }) => [id, name]))
    const rows = page.rows.map((row) => {
      const agent_name = row.agent === undefined ? undefined : names.get(row.agent)
      return agent_name === undefined ? row : { ...row, agent_name }
    })
    return c.json({ subject, ...page, rows })
  })

  app.get('/audit/report', async (c) => {
    const now = clock.now()
    const { from: since = now - 30 * DAY_MS, to: until = now } = readQuery(c, Report)
    const known = await agents.list()
    const level = (await deps.level()).name
    const report = await projection.ask(async (db, size) => ({
      generated_at: new Date(now).toISOString(),
      log: { origin: log.origin, size, vkey: log.vkey, checkpoint: log.checkpoint(), level },
      names: Object.fromEntries(
        known.map(({ id, name, sponsor, status }) => [id, { name, sponsor, status }]),
      ),
      // Without the purposes that agents wrote: a report is passed on, and they may name somebody.
      ...(await reportFacts(db, { since, until }, { read })),
    }))
    return c.json(report)
  })

  app.get('/audit/projection', (c) => c.json(projection.state))
  app.post('/audit/reindex', async (c) => {
    await log.append({ type: 'audit.queried', actor: by(c), data: { question: 'reindex' } })
    await projection.rebuild()
    return c.json(projection.state)
  })
  return app
}

/** Entries of our own log; what another gateway did is in its own. */
export const readerOf =
  (log: AuditLog): ReadEntry =>
  async (origin, index) =>
    origin === log.origin && index < log.size ? (await log.read(index)).entry : undefined

/** @throws Refusal REQUEST_MALFORMED */
export function pagingOf({ count, after }: { count: number; after?: string | undefined }): Paging {
  if (after === undefined) return { count }
  return {
    count,
    after: placeOf(after) ?? refuse('REQUEST_MALFORMED', { detail: '`after` is what `next` said' }),
  }
}
