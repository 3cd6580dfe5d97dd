import { Hono } from 'hono'
import { z } from 'zod'
import type { Agents } from '../identity/agents.ts'
import type { Clock } from '../lib/clock.ts'
import type { Duties } from '../oversight/duties.ts'
import type { Lock, Locks } from '../oversight/locks.ts'
import { Note, readInput } from './input.ts'
import type { ControlEnv } from './session.ts'
import { by } from './session.ts'

export interface LocksApiDeps {
  readonly clock: Clock
  readonly locks: Locks
  readonly agents: Agents
  readonly duties: Duties
  /** Applies locks to what is open, on every worker; resolves when it is stopped. */
  enforceLocks(): Promise<void>
}

const SetLock = z.strictObject({
  scope: z.enum(['global', 'agent', 'instance', 'task', 'server', 'tool']),
  target: z.string().min(1).max(200).default('*'),
  why: Note.min(1),
  ttl_ms: z.number().int().positive().optional(),
})

/** The off switches. */
export function lockRoutes({ clock, locks, agents, duties, enforceLocks }: LocksApiDeps): Hono<ControlEnv> {
  const app = new Hono<ControlEnv>()
  app.get('/locks', (c) => c.json({ locks: locks.view.list().map(lockView) }))
  app.post('/locks', async (c) => {
    const input = await readInput(c, SetLock)
    const target = input.scope === 'agent' ? (await agents.require(input.target)).id : input.target
    try {
      const lock = await locks.set({
        scope: input.scope,
        target: input.scope === 'global' ? '*' : target,
        why: input.why,
        by: by(c).operator,
        ...(input.ttl_ms === undefined ? {} : { expiresAt: clock.now() + input.ttl_ms }),
      })
      return c.json({ lock: lockView(lock) }, 201)
    } finally {
      await enforceLocks()
    }
  })
  app.post('/locks/:id/lift', async (c) => {
    const id = c.req.param('id')
    const proposal = await duties.lift(id, c.get('session'))
    if (proposal !== 'confirmed')
      return c.json({ proposal: { id: proposal.id, lock: id, expires_at: proposal.expires_at } }, 202)
    return c.json({ lock: lockView(await locks.lift(id, by(c))) })
  })
  return app
}

const lockView = (lock: Lock) => ({
  id: lock.id,
  scope: lock.scope,
  target: lock.target,
  why: lock.why,
  set_by: lock.setBy,
  set_at: lock.setAt,
  ...(lock.expiresAt === undefined ? {} : { expires_at: lock.expiresAt }),
})
