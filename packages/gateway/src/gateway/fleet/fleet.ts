import type { Worker } from 'node:cluster'
import cluster from 'node:cluster'
import type { Bus, BusEvent } from '../../store/bus.ts'
import type { Stop } from '../data-plane.ts'
import type { Message, Port } from './channel.ts'
import { Channel } from './channel.ts'
import { FleetMetrics } from './fleet-metrics.ts'
import type { FleetConstants, FleetState, OwnerMethods, WorkerMethods } from './protocol.ts'

const BEAT_MS = 250
/** A worker that does not take in a change within this time is killed: it might go on with what was revoked. */
const OBEY_MS = 1000
const CLOSE_MS = 3000
const FIRST_PAUSE_MS = 200
const LAST_PAUSE_MS = 10_000

interface Member {
  readonly worker: Worker
  readonly channel: Channel<WorkerMethods>
  isUp: boolean
  calls: number
}

export interface FleetDeps {
  readonly size: number
  /** The program a worker runs. */
  readonly program: string
  state(): FleetState
  onProblem(problem: string): void
}

/** The worker processes of this gateway. A change is in force when the promise that tells them of it resolves. */
export class Fleet implements AsyncDisposable {
  readonly #d: FleetDeps
  readonly #members = new Set<Member>()
  readonly metrics = new FleetMetrics(() =>
    [...this.#members].flatMap((member) =>
      member.isUp ? [{ key: member, ask: () => member.channel.ask('metrics') }] : [],
    ),
  )
  #constants: FleetConstants | undefined
  #methods: OwnerMethods | undefined
  #beating: NodeJS.Timeout | undefined
  #pause = FIRST_PAUSE_MS
  #isStopping = false

  constructor(deps: FleetDeps) {
    this.#d = deps
  }

  /** Calls open in all workers, as of the last beat. */
  get calls(): number {
    return [...this.#members].reduce((sum, member) => sum + member.calls, 0)
  }

  /** Resolves when every worker listens. @throws when one cannot */
  async start(constants: FleetConstants, methods: OwnerMethods): Promise<void> {
    this.#constants = constants
    this.#methods = methods
    await Promise.all(Array.from({ length: this.#d.size }, () => this.#fork()))
    this.#beating = setInterval(() => {
      for (const member of this.#members) if (member.isUp) void this.#beat(member)
    }, BEAT_MS)
  }

  /** Passes every change on to the workers; publishing one waits until they have taken it in. */
  follow(bus: Bus): void {
    bus.subscribe(
      (event) => this.#everyone((member) => this.#pass(member, event)),
      async () => {
        for (const topic of ['locks', 'registry', 'task'] as const) {
          await this.#everyone((member) => this.#pass(member, { topic, id: '' }))
        }
      },
    )
  }

  update(state: Partial<FleetState>): Promise<void> {
    return this.#everyone((member) => member.channel.ask('update', state))
  }

  stop(stop: Stop): Promise<void> {
    return this.#everyone((member) => member.channel.ask('stop', stop))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopping = true
    clearInterval(this.#beating)
    await Promise.all(
      [...this.#members].map(async ({ worker, channel }) => {
        const gone = Promise.withResolvers<void>()
        worker.once('exit', () => gone.resolve())
        const timer = setTimeout(() => worker.process.kill('SIGKILL'), CLOSE_MS)
        channel.ask('close').catch(() => {})
        await gone.promise
        clearTimeout(timer)
      }),
    )
  }

  async #fork(): Promise<void> {
    cluster.setupPrimary({ exec: this.#d.program, args: [], execArgv: [], serialization: 'advanced' })
    const worker = cluster.fork()
    const member: Member = {
      worker,
      channel: new Channel<WorkerMethods>(portOf(worker), this.#methods as OwnerMethods),
      isUp: false,
      calls: 0,
    }
    this.#members.add(member)
    const startedAt = performance.now()
    worker.once('exit', () => {
      this.#members.delete(member)
      member.channel.close()
      void this.metrics.ended(member).catch(() => {})
      if (this.#isStopping || !member.isUp) return
      if (performance.now() - startedAt > LAST_PAUSE_MS) this.#pause = FIRST_PAUSE_MS
      this.#d.onProblem('a worker ended and is started again; its open calls have no outcome')
      this.#replace()
    })
    await member.channel.ask('start', this.#constants as FleetConstants, this.#d.state())
    member.isUp = true
    // What changed while it was starting, and copies it made meanwhile.
    await this.#obey(member, member.channel.ask('update', this.#d.state()))
    await this.#obey(member, member.channel.ask('event', { topic: 'task', id: '' }))
  }

  #replace(): void {
    setTimeout(() => {
      if (this.#isStopping) return
      this.#fork().catch((error: unknown) => {
        this.#d.onProblem(`a worker cannot be started: ${(error as Error).message}`)
        this.#replace()
      })
    }, this.#pause).unref()
    this.#pause = Math.min(this.#pause * 2, LAST_PAUSE_MS)
  }

  /** The worker gets the new state before it forgets copies of the old. */
  async #pass({ channel }: Member, event: BusEvent): Promise<void> {
    if (event.topic === 'locks') await channel.ask('update', { locks: this.#d.state().locks })
    if (event.topic === 'registry') {
      await channel.ask('update', { tools: only(this.#d.state().tools, event.id) })
    }
    await channel.ask('event', event)
  }

  async #everyone(work: (member: Member) => Promise<void>): Promise<void> {
    await Promise.all(
      [...this.#members].filter(({ isUp }) => isUp).map((member) => this.#obey(member, work(member))),
    )
  }

  async #obey(member: Member, work: Promise<unknown>): Promise<void> {
    let isDone = false
    const kill = () => {
      if (!isDone) member.worker.process.kill('SIGKILL')
    }
    // After a pause of this very process the answer may be waiting to be read.
    const timer = setTimeout(() => setImmediate(kill), OBEY_MS)
    // A worker that is gone holds nothing any more.
    await work.catch(() => member.worker.process.kill('SIGKILL'))
    isDone = true
    clearTimeout(timer)
  }

  async #beat(member: Member): Promise<void> {
    member.calls = await member.channel.ask('beat').catch(() => 0)
  }
}

function portOf(worker: Worker): Port {
  return {
    send: (message) => {
      worker.send(message, (error) => {
        // The exit follows.
        if (error) worker.process.kill('SIGKILL')
      })
    },
    onMessage: (listener) => worker.on('message', (message: Message) => listener(message)),
  }
}

function only<T>(all: ReadonlyMap<string, T>, key: string): ReadonlyMap<string, T> {
  const value = all.get(key)
  return value === undefined ? all : new Map([[key, value]])
}
