import type { Injection } from '../../credentials/injection.ts'
import type { FlowCall, FlowResult, FlowVerdict, PersonsWords } from '../../flow/tasks.ts'
import type { CompiledGrant } from '../../grants/compile.ts'
import { compileGrant } from '../../grants/compile.ts'
import type { TokenSession } from '../../identity/authenticate.ts'
import type { Clock } from '../../lib/clock.ts'
import type { LogEvent, LogPosition, LogTrace } from '../../model/evidence.ts'
import type { Reason } from '../../model/reasons.ts'
import type { Task } from '../../model/task.ts'
import { LockView } from '../../oversight/locks.ts'
import type { PlainView, ToolView } from '../../registry/views.ts'
import { revivedView } from '../../registry/views.ts'
import type { BusEvent } from '../../store/bus.ts'
import type { Admission, Authority, NewHold, Seen, Settlement } from '../authority.ts'
import type { MaybePromise } from '../exchange.ts'
import type { Channel } from './channel.ts'
import type { FleetState, OwnerMethods } from './protocol.ts'

const LEASE_MS = 1000
const MAX_CACHED = 10_000
const NOTHING: ReadonlyMap<string, ToolView> = new Map()

type Live = { readonly task: Task; readonly grant: CompiledGrant }

/**
 * The authority as a worker has it: answers from copies that the owner drops, and asks the owner where only it may decide.
 * A copy that is out of date for a moment denies or costs a question; `admit` looks at everything again.
 */
export class RemoteAuthority implements Authority {
  readonly locks: LockView
  readonly #owner: Channel<OwnerMethods>
  readonly #clock: Clock
  readonly #tokens = new Copies<TokenSession>((session) => session.status.token === 'live')
  readonly #tasks = new Copies<Live>()
  readonly #injections = new Copies<Injection>()
  #tools = new Map<string, ReadonlyMap<string, ToolView>>()
  #secrets: ReadonlyMap<string, string> = new Map()
  #lastBeat = performance.now()

  constructor(owner: Channel<OwnerMethods>, clock: Clock) {
    this.#owner = owner
    this.#clock = clock
    this.locks = new LockView(clock)
  }

  update(state: Partial<FleetState>): void {
    if (state.locks) this.locks.replace(state.locks)
    if (state.secrets) this.#secrets = state.secrets
    if (state.snapshot) this.#injections.clear()
    for (const [server, views] of state.tools ?? []) this.#tools.set(server, this.#revived(server, views))
  }

  event({ topic }: BusEvent): void {
    if (topic === 'agent' || topic === 'instance' || topic === 'task' || topic === 'token') {
      this.#tokens.clear()
      this.#tasks.clear()
      this.#injections.clear()
    }
  }

  beat(): void {
    this.#lastBeat = performance.now()
  }

  alive(): boolean {
    return performance.now() - this.#lastBeat < LEASE_MS
  }

  secrets(): ReadonlyMap<string, string> {
    return this.#secrets
  }

  views(): readonly ToolView[] {
    return [...this.#tools.values()].flatMap((views) => [...views.values()])
  }

  resolveToken(hash: string): MaybePromise<TokenSession | undefined> {
    return this.#tokens.get(hash, () => this.#owner.ask('resolveToken', hash))
  }

  liveTask(id: string): MaybePromise<Live | undefined> {
    const live = this.#tasks.get(id, async () => {
      const found = await this.#owner.ask('liveTask', id)
      return found && { task: found.task, grant: compileGrant(found.grant) }
    })
    return live instanceof Promise ? live : this.#unexpired(live)
  }

  whyNotLive(id: string): Promise<Reason> {
    return this.#owner.ask('whyNotLive', id)
  }

  tools(server: string): ReadonlyMap<string, ToolView> {
    return this.#tools.get(server) ?? NOTHING
  }

  /** What the owner makes of it has been sent here before it answers. */
  async observe(server: string, seen: Seen): Promise<ReadonlyMap<string, ToolView>> {
    await this.#owner.ask('observe', server, seen)
    return this.tools(server)
  }

  injection(server: string, task: string, trace?: LogTrace): MaybePromise<Injection> {
    const key = `${task}\n${server}`
    const ask = () => this.#owner.ask('injection', server, task, trace)
    return this.#injections.get(key, ask, (held) => this.#isFresh(held)) as MaybePromise<Injection>
  }

  #isFresh({ freshUntil }: Injection): boolean {
    return freshUntil === undefined || freshUntil > this.#clock.now()
  }

  async release(server: string, task: string): Promise<void> {
    this.#injections.delete(`${task}\n${server}`)
    await this.#owner.ask('release', server, task)
  }

  hear(words: PersonsWords): Promise<void> {
    return this.#owner.ask('hear', words)
  }

  judge(call: FlowCall): Promise<FlowVerdict> {
    return this.#owner.ask('judge', call)
  }

  learn(result: FlowResult): Promise<void> {
    return this.#owner.ask('learn', result)
  }

  hold(hold: NewHold): Promise<void> {
    return this.#owner.ask('hold', hold)
  }

  admit(admission: Admission): Promise<LogPosition | Reason> {
    return this.#owner.ask('admit', admission)
  }

  settle(settlement: Settlement): Promise<LogPosition> {
    return this.#owner.ask('settle', settlement)
  }

  record(event: LogEvent): Promise<LogPosition> {
    return this.#owner.ask('record', event)
  }

  #unexpired(live: Live | undefined): Live | undefined {
    return live && this.#clock.now() < live.task.expiresAt ? live : undefined
  }

  #revived(server: string, views: readonly PlainView[]): ReadonlyMap<string, ToolView> {
    const before = this.tools(server)
    return new Map(
      views.map((view) => {
        const key = `${view.kind}:${view.name}`
        return [key, revivedView(view, before.get(key))]
      }),
    )
  }
}

/** What the owner answered before, until something makes it doubtful. */
class Copies<T> {
  readonly #held = new Map<string, T>()
  /** Counts clearings, so that an answer from before one is not kept after it. */
  #cleared = 0
  readonly #mayKeep: (value: T) => boolean

  constructor(mayKeep: (value: T) => boolean = () => true) {
    this.#mayKeep = mayKeep
  }

  get(
    key: string,
    ask: () => Promise<T | undefined>,
    isGood: (held: T) => boolean = () => true,
  ): MaybePromise<T | undefined> {
    const held = this.#held.get(key)
    return held !== undefined && isGood(held) ? held : this.#fetch(key, ask)
  }

  delete(key: string): void {
    this.#cleared++
    this.#held.delete(key)
  }

  clear(): void {
    this.#cleared++
    this.#held.clear()
  }

  async #fetch(key: string, ask: () => Promise<T | undefined>): Promise<T | undefined> {
    const cleared = this.#cleared
    const value = await ask()
    if (value !== undefined && cleared === this.#cleared && this.#mayKeep(value)) {
      if (this.#held.size >= MAX_CACHED) this.#held.delete(this.#held.keys().next().value as string)
      this.#held.set(key, value)
    }
    return value
  }
}
