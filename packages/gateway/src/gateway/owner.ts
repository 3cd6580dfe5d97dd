import type { Committer } from '../audit/commitment.ts'
import type { SealingRecorder } from '../audit/content/sealing-recorder.ts'
import type { AuditLog } from '../audit/log.ts'
import type { Injection } from '../credentials/injection.ts'
import type { Leases } from '../credentials/leases.ts'
import type { Holds } from '../flow/holds.ts'
import type { FlowCall, FlowResult, FlowTasks, FlowVerdict, PersonsWords } from '../flow/tasks.ts'
import type { Budgets, Cost } from '../grants/budgets.ts'
import type { Tasks } from '../grants/tasks.ts'
import type { ReplayWindow } from '../identity/replay.ts'
import type { Tokens } from '../identity/tokens.ts'
import type { Clock } from '../lib/clock.ts'
import type { LogEvent, LogPosition, LogTrace } from '../model/evidence.ts'
import type { JsonObject } from '../model/json.ts'
import type { Reason } from '../model/reasons.ts'
import { reason } from '../model/reasons.ts'
import { refuse } from '../model/refusal.ts'
import type { Locks } from '../oversight/locks.ts'
import { lockReason } from '../oversight/locks.ts'
import type { Registry } from '../registry/tools.ts'
import type { Bus } from '../store/bus.ts'
import type { Admission, Authority, NewHold, Seen, Settlement } from './authority.ts'
import type { CosignatureWait } from './cosigned-before.ts'

interface Owned {
  readonly log: AuditLog
  readonly committer: Committer
  readonly bus: Bus
  readonly clock: Clock
  readonly tokens: Tokens
  readonly replay: ReplayWindow
  readonly tasks: Tasks
  readonly budgets: Budgets
  readonly locks: Locks
  readonly registry: Registry
  readonly leases: Leases
  readonly flow: FlowTasks
  readonly holds: Holds
  readonly recorder: SealingRecorder
  /** Why nothing may be admitted although the log can be written. */
  whyRefuse(): Reason | undefined
  readonly cosigned: CosignatureWait
}

/** The authority in its own process: answers from memory, and is where races are decided. */
export class Owner implements Authority {
  readonly #r: Owned

  constructor(rooms: Owned) {
    this.#r = rooms
  }

  get locks() {
    return this.#r.locks.view
  }

  alive(): boolean {
    return this.#r.bus.alive()
  }

  /** @throws Refusal LOCKS_STALE when it cannot be known whether the token was revoked */
  resolveToken(hash: string) {
    if (!this.alive()) refuse('LOCKS_STALE')
    return this.#r.tokens.resolve(hash)
  }

  liveTask(id: string) {
    return this.#r.tasks.live(id)
  }

  async whyNotLive(id: string): Promise<Reason> {
    const task = await this.#r.tasks.get(id)
    if (!task) return reason('TASK_UNKNOWN', { task: id.slice(0, 40) })
    if (task.state === 'paused') return reason('TASK_PAUSED')
    // Whatever is above it: a task stands only as long as all of them do.
    if (task.state === 'open' && task.parent !== undefined) return await this.whyNotLive(task.parent)
    if (task.end === 'expired') return reason('TASK_EXPIRED')
    if (task.end === 'idle') return reason('TASK_IDLE')
    return reason('TASK_CLOSED', { end: task.end ?? 'not yours' })
  }

  tools(server: string) {
    return this.#r.registry.view(server)
  }

  observe(server: string, seen: Seen) {
    return this.#r.registry.observe(server, seen)
  }

  injection(server: string, task: string, trace?: LogTrace): Promise<Injection> | Injection {
    return this.#r.leases.injectionFor(server, task, trace)
  }

  release(server: string, task: string): Promise<void> {
    return this.#r.leases.release(server, task)
  }

  hear(words: PersonsWords): void {
    this.#r.flow.hear(words)
  }

  /** @throws Refusal TASK_CLOSED when it ended meanwhile, so that nothing is kept of it any more */
  judge(call: FlowCall): FlowVerdict {
    if (!this.#r.tasks.live(call.task.id)) refuse('TASK_CLOSED', { end: 'meanwhile' })
    return this.#r.flow.judge(call)
  }

  learn(result: FlowResult): void {
    this.#r.flow.learn(result)
  }

  hold(hold: NewHold): void {
    this.#r.holds.add({ ...hold, at: this.#r.clock.now() })
  }

  /**
   * The one linearisation point. A proof is used up without yielding before, and what stands between the last checks and `append` runs without
   * yielding, so of two racing calls with one proof, or with one call left in the budget, exactly one gets through.
   */
  async admit(a: Admission): Promise<LogPosition | Reason> {
    const { replay, budgets, log, committer, recorder, bus } = this.#r
    if (!bus.alive()) return reason('LOCKS_STALE')
    if (a.replayKey !== undefined && !replay.use(a.replayKey)) return reason('PROOF_REPLAYED')
    const early = this.#stops(a)
    if (early) return early
    // Usually at hand; where a key has to be fetched, time passes, and what holds is asked again.
    const pending = recorder.prepare(a.event)
    const { event, body } = pending instanceof Promise ? await pending : pending
    const stopped = pending instanceof Promise ? this.#stops(a) : undefined
    if (stopped) return stopped
    const live = this.#r.tasks.live(a.task)
    if (live?.grant.id !== a.grant) return this.whyNotLive(a.task)
    const cost = {
      ...a.cost,
      subjects: a.cost.subjects.map((value) => committer.commit(live.task.txn, value)),
    }
    const spent = budgets.reserve(live.grant, cost)
    if (spent) return spent
    this.#r.tasks.touch(a.task)
    const commitment = committer.commit(String(event.data.call), a.contentDigest)
    try {
      const position = await log.append(
        { ...event, data: { ...event.data, ...shown(cost), commitment } },
        body,
      )
      const waiting = this.#r.cosigned(a.subject, position.index)
      const why = waiting && ((await waiting) ?? this.#stops(a) ?? (await this.#taskStops(a)))
      if (why) budgets.release(a.grant, cost)
      return why ?? position
    } catch (error) {
      budgets.release(a.grant, cost)
      throw error
    }
  }

  /** Whatever is not used up by being asked. */
  #stops({ subject, tokenHash }: Admission): Reason | undefined {
    const { locks, tokens, clock, bus } = this.#r
    if (!bus.alive()) return reason('LOCKS_STALE')
    const refusal = this.#r.whyRefuse()
    if (refusal) return refusal
    const lock = locks.view.stops(subject)
    if (lock) return lockReason(lock)
    return tokens.inForce(tokenHash, clock.now()) ? undefined : reason('TOKEN_INVALID')
  }

  async #taskStops({ task, grant }: Admission): Promise<Reason | undefined> {
    return this.#r.tasks.live(task)?.grant.id === grant ? undefined : await this.whyNotLive(task)
  }

  settle(s: Settlement): Promise<LogPosition> {
    this.#r.budgets.settle(s.grant, { bytes: s.bytes })
    return this.#r.recorder.append(s.event)
  }

  record(event: LogEvent): Promise<LogPosition> {
    return this.#r.recorder.append(event)
  }
}

/** What of a cost the log keeps, so that budgets can be counted again after a crash. */
const shown = ({ calls, ...rest }: Cost): JsonObject =>
  calls === 0
    ? {}
    : {
        cost: {
          calls,
          ...(rest.writes === 0 ? {} : { writes: rest.writes }),
          ...(rest.spend === 0 ? {} : { spend: rest.spend }),
          ...(rest.subjects.length === 0 ? {} : { subjects: rest.subjects }),
        },
      }
