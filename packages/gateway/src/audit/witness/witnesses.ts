import type { Policy } from '@ostiary/evidence'
import type { Clock } from '../../lib/clock.ts'
import type { AuditLog } from '../log.ts'
import { WitnessClient } from './client.ts'

/** The cosignatures of a log that is idle get no older than this. */
const REFRESH_MS = 15_000
const RETRY_MS = 250

export interface WitnessesDeps {
  readonly log: AuditLog
  readonly policy: Policy
  readonly clock: Clock
  /** Undefined: it answers as it should again. */
  onProblem(witness: string, problem: string | undefined, contradicts: boolean): void
}

/** One checkpoint, and the cosignatures it has got so far. */
interface Round {
  readonly size: number
  readonly note: string
  readonly lines: Map<string, string>
}

/**
 * Has every checkpoint cosigned: all witnesses are asked at once, and a round is over with the quorum or when all have answered, so that
 * none who is slow or gone holds the others up. Calls do not wait for it unless they ask.
 */
export class Witnesses implements Disposable {
  readonly #d: WitnessesDeps
  readonly #clients: readonly WitnessClient[]
  readonly #waiting = new Set<{ readonly index: number; done(isCosigned: boolean): void }>()
  readonly #stack = new DisposableStack()
  readonly #closing = new AbortController()
  #round: Round = { size: -1, note: '', lines: new Map() }
  #running = false
  #again = false

  constructor(deps: WitnessesDeps) {
    this.#d = deps
    this.#clients = deps.policy.witnesses
      .filter(({ url }) => url !== undefined)
      .map((witness) => new WitnessClient(witness, deps.clock, this.#closing.signal))
    this.#stack.use(deps.log.checkpoints.onSigned(() => this.#wake()))
    const refresh = setInterval(() => this.#wake(), REFRESH_MS)
    refresh.unref()
    this.#stack.defer(() => clearInterval(refresh))
    this.#wake()
  }

  /** Resolves true as soon as a quorum has cosigned a checkpoint over the entry, and false when it has not within `ms`. */
  async cosigned(index: number, ms: number): Promise<boolean> {
    if (this.#isCosigned(index)) return true
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const waiting = { index, done: resolve }
    this.#waiting.add(waiting)
    const timer = setTimeout(() => resolve(false), ms)
    const { log } = this.#d
    // The tick of the log may be a second away. A head that is signed wakes this up by itself.
    if (index < (log.checkpoints.newest?.size ?? 0)) this.#wake()
    else log.publish().catch(() => {})
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      this.#waiting.delete(waiting)
    }
  }

  [Symbol.dispose](): void {
    this.#closing.abort()
    this.#stack.dispose()
    for (const { done } of this.#waiting) done(false)
  }

  #isCosigned(index: number): boolean {
    return index < (this.#d.log.checkpoints.witnessed?.size ?? 0)
  }

  #wake(): void {
    this.#again = true
    if (this.#running || this.#closing.signal.aborted) return
    this.#running = true
    void this.#run().finally(() => {
      this.#running = false
    })
  }

  async #run(): Promise<void> {
    while (!this.#closing.signal.aborted && (this.#again || this.#waiting.size > 0)) {
      // Whoever waits although the last round is over waits for a witness that failed.
      if (!this.#again) await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      this.#again = false
      await this.#ask()
    }
  }

  async #ask(): Promise<void> {
    const { log } = this.#d
    const head = log.checkpoints.newest
    if (!head) return
    if (head.size !== this.#round.size) {
      this.#round = { size: head.size, note: withoutCosignatures(head.note), lines: new Map() }
    }
    const round = this.#round
    const { promise: quorum, resolve } = Promise.withResolvers<void>()
    const answered = new Set<string>()
    const asked = this.#clients
      .filter((client) => client.isReady(this.#waiting.size > 0))
      .map(async (client) => {
        if (!(await this.#askOne(client, round))) return
        answered.add(client.witness.name)
        if (this.#d.policy.isQuorum(answered)) resolve()
      })
    // Those who answer when the quorum is there already are shown too.
    const all = Promise.allSettled(asked).then(() => this.#show(round))
    await Promise.race([quorum, all])
  }

  /** @returns true when it cosigned */
  async #askOne(client: WitnessClient, round: Round): Promise<boolean> {
    const { log, onProblem } = this.#d
    const { name } = client.witness
    const result = await client.submit(round.note, round.size, (from) => log.consistency(from, round.size))
    if (this.#closing.signal.aborted) return false
    if (result.is === 'failed') {
      onProblem(name, result.problem, result.contradicts)
      return false
    }
    onProblem(name, undefined, false)
    const had = this.#isQuorum(round)
    round.lines.set(name, result.line)
    if (!had && this.#isQuorum(round)) {
      void this.#show(round)
      for (const { index, done } of this.#waiting) if (this.#isCosigned(index)) done(true)
    }
    return true
  }

  #isQuorum({ lines }: Round): boolean {
    return lines.size > 0 && this.#d.policy.isQuorum(new Set(lines.keys()))
  }

  /** Publishes a checkpoint with the cosignatures it has got. A disk that refuses is told of where the log is written. */
  async #show(round: Round): Promise<void> {
    if (this.#closing.signal.aborted || round.lines.size === 0) return
    const note = `${round.note}${[...round.lines.values()].join('')}`
    await this.#d.log.checkpoints.cosigned({ size: round.size, note }, this.#isQuorum(round)).catch(() => {})
  }
}

/** Text and the first signature, which is the log's. */
const withoutCosignatures = (note: string): string => {
  const end = note.lastIndexOf('\n\n') + 2
  return note.slice(0, note.indexOf('\n', end) + 1)
}
