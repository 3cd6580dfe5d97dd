import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../../lib/clock.ts'
import { before } from '../../lib/deadline.ts'
import type { AuditLog, StoredEntry } from '../log.ts'
import type { Place, PlaceFile } from './delivery-place.ts'
import type { Sink } from './sink.ts'
import { plainProblem, SinkFailed } from './sink.ts'

/** Bytes of entries in one batch: collectors take about a megabyte, and formats say some things at more length. */
const MAX_BATCH_BYTES = 262_144
const FIRST_RETRY_MS = 250
const LONGEST_RETRY_MS = 15_000
/** For a delivery under way to end, and the sink to close: a disk that hangs must not keep the gateway from stopping. */
const CLOSE_MS = 5000

export interface DeliveryOptions {
  readonly sink: Sink
  readonly log: Pick<AuditLog, 'size' | 'read' | 'entries' | 'onAppended'>
  readonly place: PlaceFile
  readonly clock: Clock
  /** Where a sink begins that was never there before. */
  readonly from: 'now' | 'beginning'
  /** Entries in a batch, and for how long the first of them waits for others. */
  readonly batch: { readonly entries: number; readonly waitMs: number }
  /** For one delivery. */
  readonly timeoutMs: number
  readonly maxBehind: { readonly entries: number; readonly ms: number }
  /** Told when deliveries begin to fail or it falls behind, and `undefined` when all is well again. */
  onHealth(problem: string | undefined): void
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>
  readonly random?: () => number
  readonly closeMs?: number
}

/** How far behind the log a sink is. */
export interface Lag {
  readonly entries: number
  /** Age of the oldest entry that was not taken yet, milliseconds. */
  readonly ms: number
}

/**
 * Brings every entry to one sink, in order, at least once. It keeps no queue: what could not be delivered is read from the log again, so a
 * sink that is away costs no memory, and holds up nobody but itself.
 */
export class Delivery {
  readonly #o: DeliveryOptions
  readonly #wait: (ms: number, signal: AbortSignal) => Promise<void>
  readonly #random: () => number
  readonly #closing = new AbortController()
  readonly #done: Promise<void>
  readonly #opened = Promise.withResolvers<void>()
  #news = Promise.withResolvers<void>()
  #place: Place | undefined
  /** At or before the time of the oldest entry that waits; undefined when none does. */
  #waitingSince: number | undefined
  #failures = 0
  #problem: string | undefined
  /** Entries of the next batch: fewer after a failure, so that one which is too large, or is never taken, holds up only what follows it. */
  #limit: number

  constructor(options: DeliveryOptions) {
    this.#o = options
    this.#wait = options.wait ?? ((ms, signal) => sleep(ms, undefined, { signal, ref: false }))
    this.#random = options.random ?? Math.random
    this.#limit = options.batch.entries
    this.#done = this.#run()
  }

  /** Resolves once it knows where it is, or could not find out at the first attempt. */
  get opened(): Promise<void> {
    return this.#opened.promise
  }

  get lag(): Lag {
    const entries = this.#place ? this.#o.log.size - this.#place.next : this.#o.log.size
    const since = this.#waitingSince
    return { entries, ms: since === undefined ? 0 : Math.max(0, this.#o.clock.now() - since) }
  }

  get problem(): string | undefined {
    return this.#problem
  }

  /** The next entry to deliver; undefined while its place could not be read. */
  get next(): number | undefined {
    return this.#place?.next
  }

  /** It is further behind than it may be, or it is not known where it is. */
  get isOverdue(): boolean {
    const { entries, ms } = this.lag
    const { maxBehind } = this.#o
    return this.#place === undefined || entries > maxBehind.entries || ms > maxBehind.ms
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#news.resolve()
    const closed = this.#done.then(() => this.#o.sink.close())
    const deadline = new AbortController()
    const timer = setTimeout(() => deadline.abort(), this.#o.closeMs ?? CLOSE_MS)
    await before(deadline.signal, closed).catch(() => {})
    clearTimeout(timer)
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing
    using _follower = this.#o.log.onAppended(() => {
      this.#waitingSince ??= this.#o.clock.now()
      this.#news.resolve()
    })
    while (!signal.aborted) {
      try {
        const place: Place = this.#place ?? (await this.#open())
        this.#place = place
        this.#opened.resolve()
        if (place.next < this.#o.log.size) await this.#next(place, signal)
        else await this.#news.promise
        this.#news = Promise.withResolvers()
      } catch (error) {
        this.#opened.resolve()
        if (!signal.aborted) await this.#failed(plainProblem(error), signal)
      }
    }
  }

  async #next(place: Place, signal: AbortSignal): Promise<void> {
    const { log, sink, batch, timeoutMs } = this.#o
    if (log.size - place.next < Math.min(batch.entries, this.#limit)) await this.#wait(batch.waitMs, signal)
    const entries = await this.#collect(place.next)
    const last = entries.at(-1) as StoredEntry
    this.#waitingSince = entries[0]?.entry.ts
    const deadline = AbortSignal.timeout(timeoutMs)
    try {
      await sink.deliver(entries, AbortSignal.any([signal, deadline]))
    } catch (error) {
      throw deadline.aborted
        ? new SinkFailed(`it did not take them within ${timeoutMs / 1000} seconds`)
        : error
    }
    const reached = { start: place.start, next: last.index + 1, leaf: last.leaf }
    await this.#o.place.store(reached)
    this.#place = reached
    // The next one is no older than the last that was taken.
    this.#waitingSince = reached.next < log.size ? last.entry.ts : undefined
    this.#failures = 0
    this.#limit = Math.min(batch.entries, this.#limit * 2)
    this.#tell(this.isOverdue ? 'it cannot keep up' : undefined)
  }

  async #collect(from: number): Promise<StoredEntry[]> {
    const entries: StoredEntry[] = []
    let bytes = 0
    for await (const stored of this.#o.log.entries(from, from + this.#limit)) {
      bytes += JSON.stringify(stored.entry).length
      if (entries.length > 0 && bytes > MAX_BATCH_BYTES) break
      entries.push(stored)
    }
    return entries
  }

  async #failed(problem: string, signal: AbortSignal): Promise<void> {
    this.#tell(problem)
    this.#limit = Math.max(1, Math.floor(this.#limit / 2))
    const longest = Math.min(FIRST_RETRY_MS * 2 ** Math.min(this.#failures++, 20), LONGEST_RETRY_MS)
    await this.#wait(longest * (0.5 + this.#random() / 2), signal).catch(() => {})
  }

  #tell(problem: string | undefined): void {
    if (problem !== this.#problem) this.#o.onHealth(problem)
    this.#problem = problem
  }

  /** Where it left off. What does not fit to this log any more begins anew: sent twice is better than never. */
  async #open(): Promise<Place> {
    const { log, from, place: file } = this.#o
    const stored = await file.load()
    if (stored !== undefined && stored !== 'damaged' && (await this.#fits(stored))) {
      if (stored.next < log.size) this.#waitingSince = (await log.read(stored.next)).entry.ts
      return stored
    }
    if (stored !== undefined) this.#tell('its place in the log is lost, so entries are sent again')
    const wanted =
      stored === undefined ? (from === 'now' ? log.size : 0) : stored === 'damaged' ? 0 : stored.start
    const start = Math.min(wanted, log.size)
    const place = { start, next: start, leaf: start === 0 ? '' : (await log.read(start - 1)).leaf }
    await file.store(place)
    if (place.next < log.size) this.#waitingSince = (await log.read(place.next)).entry.ts
    return place
  }

  async #fits({ next, leaf }: Place): Promise<boolean> {
    const { log } = this.#o
    return next <= log.size && (next === 0 || (await log.read(next - 1)).leaf === leaf)
  }
}
