import type { Clock } from '../lib/clock.ts'
import { newId } from '../lib/id.ts'
import type { LogActor, Recorder } from '../model/evidence.ts'
import type { Actor } from '../model/principal.ts'
import type { Reason } from '../model/reasons.ts'
import { reason } from '../model/reasons.ts'
import { refuse } from '../model/refusal.ts'
import type { Bus } from '../store/bus.ts'
import type { LockRow } from '../store/schema.ts'
import type { Store } from '../store/store.ts'

export type LockScope = LockRow['scope']

/** A kill switch in force. `target` is `*` for the global scope and `server/tool` for a tool. */
export interface Lock {
  readonly id: string
  readonly scope: LockScope
  readonly target: string
  readonly why: string
  readonly setBy: string
  readonly setAt: number
  readonly expiresAt: number | undefined
}

/** What a call touches, for matching locks. */
export interface LockSubject {
  readonly agent: string
  readonly instance: string
  readonly task: string | undefined
  /** The task and those above it: a lock on any of them stops the subtree. */
  readonly lineage?: readonly string[]
  /** Everybody it is done for in the end, when it was handed on. */
  readonly chain?: readonly Actor[]
  readonly server: string
  readonly tool: string | undefined
}

/**
 * The locks in force, held in memory and asked on every call. Any matching lock wins.
 * Built from a full list, so a worker replaces its whole view when told that locks changed.
 */
export class LockView {
  /** By `scope:target`; several locks may stand on one target, each with its own end. */
  #locks: ReadonlyMap<string, readonly Lock[]> = new Map()
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  replace(locks: readonly Lock[]): void {
    this.#locks = Map.groupBy(locks, (lock) => `${lock.scope}:${lock.target}`)
  }

  list(): readonly Lock[] {
    const now = this.#clock.now()
    return [...this.#locks.values()].flat().filter((lock) => inForce(lock, now))
  }

  /** The lock that stops this call, if any. */
  stops(subject: LockSubject): Lock | undefined {
    if (this.#locks.size === 0) return undefined
    const now = this.#clock.now()
    for (const key of keysOf(subject)) {
      const lock = this.#locks.get(key)?.find((candidate) => inForce(candidate, now))
      if (lock) return lock
    }
    return undefined
  }
}

const inForce = (lock: Lock, now: number) => lock.expiresAt === undefined || lock.expiresAt > now

function keysOf(subject: LockSubject): string[] {
  const keys = [
    'global:*',
    `agent:${subject.agent}`,
    `instance:${subject.instance}`,
    `server:${subject.server}`,
  ]
  for (const { agent, instance } of subject.chain ?? []) keys.push(`agent:${agent}`, `instance:${instance}`)
  for (const task of subject.lineage ?? []) keys.push(`task:${task}`)
  if (subject.task !== undefined) keys.push(`task:${subject.task}`)
  if (subject.tool !== undefined) keys.push(`tool:${subject.server}/${subject.tool}`)
  return keys
}

/** True when `lock` covers the subject; for finding the calls in flight that it must abort. */
export const covers = (lock: Pick<Lock, 'scope' | 'target'>, subject: LockSubject): boolean =>
  keysOf(subject).includes(`${lock.scope}:${lock.target}`)

export const lockReason = (lock: Lock): Reason =>
  reason('LOCKED', {
    scope: lock.scope === 'global' ? 'everything' : `${lock.scope} ${lock.target}`,
    why: lock.why,
    lock: lock.id,
  })

/** Setting and lifting: separate acts, both in the log. */
export class Locks {
  readonly view: LockView
  readonly #store: Store
  readonly #recorder: Recorder
  readonly #bus: Bus
  readonly #clock: Clock

  constructor(deps: { store: Store; recorder: Recorder; bus: Bus; clock: Clock }) {
    this.#store = deps.store
    this.#recorder = deps.recorder
    this.#bus = deps.bus
    this.#clock = deps.clock
    this.view = new LockView(deps.clock)
  }

  /** Reads what is in force; call at start and whenever the bus says that locks changed. */
  async load(): Promise<void> {
    const rows = await this.#store.db
      .selectFrom('locks')
      .selectAll()
      .where('lifted_at', 'is', null)
      .orderBy('set_at')
      .execute()
    this.view.replace(rows.map(fromRow))
  }

  /**
   * Stops everything in the scope. The lock holds from the moment this resolves; it also holds when the log refuses the entry,
   * because stopping is the safe side: the failure is then reported after the lock is in force.
   */
  async set(input: {
    scope: LockScope
    target: string
    why: string
    by: string
    expiresAt?: number
  }): Promise<Lock> {
    const lock: Lock = {
      id: newId('lck'),
      scope: input.scope,
      target: input.target,
      why: input.why.slice(0, 500),
      setBy: input.by,
      setAt: this.#clock.now(),
      expiresAt: input.expiresAt,
    }
    const recorded = this.#recorder.append({
      type: 'lock.set',
      actor: { kind: 'operator', operator: input.by },
      content: { why: lock.why },
      data: {
        lock: lock.id,
        scope: lock.scope,
        target: lock.target,
        until: lock.expiresAt ?? null,
      },
    })
    const outcome = await Promise.allSettled([recorded])
    await this.#store.db.insertInto('locks').values(toRow(lock)).execute()
    await this.load()
    await this.#bus.publish({ topic: 'locks', id: lock.id })
    if (outcome[0].status === 'rejected') throw outcome[0].reason
    return lock
  }

  /** Lets work go on. Resurrects nothing: ended tasks and revoked tokens stay so. */
  async lift(id: string, by: LogActor & { kind: 'operator' }): Promise<Lock> {
    const lock = this.view.list().find((candidate) => candidate.id === id)
    if (!lock) refuse('REQUEST_MALFORMED', { detail: `there is no lock ${id.slice(0, 60)} in force` })
    await this.#recorder.append({ type: 'lock.lifted', actor: by, data: { lock: id } })
    await this.#store.db
      .updateTable('locks')
      .set({ lifted_by: by.operator, lifted_at: this.#clock.now() })
      .where('id', '=', id)
      .where('lifted_at', 'is', null)
      .execute()
    await this.load()
    await this.#bus.publish({ topic: 'locks', id })
    return lock
  }
}

const fromRow = (row: LockRow): Lock => ({
  id: row.id,
  scope: row.scope,
  target: row.target,
  why: row.why,
  setBy: row.set_by,
  setAt: row.set_at,
  expiresAt: row.expires_at ?? undefined,
})

const toRow = (lock: Lock): LockRow => ({
  id: lock.id,
  scope: lock.scope,
  target: lock.target,
  why: lock.why,
  set_by: lock.setBy,
  set_at: lock.setAt,
  expires_at: lock.expiresAt ?? null,
  lifted_by: null,
  lifted_at: null,
})
