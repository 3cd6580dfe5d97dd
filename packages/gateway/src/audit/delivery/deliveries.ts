import { join } from 'node:path'
import { durationMs } from '../../config/schema.ts'
import type { SinkConfig, SinksConfig } from '../../config/sink-schema.ts'
import type { Clock } from '../../lib/clock.ts'
import { diskFiles } from '../files.ts'
import type { AuditLog } from '../log.ts'
import type { SinkDeps } from '../sinks/index.ts'
import { openSink } from '../sinks/index.ts'
import { Delivery } from './delivery.ts'
import { PlaceFile } from './delivery-place.ts'

export interface DeliveriesDeps extends Omit<SinkDeps, 'name' | 'origin'> {
  readonly log: AuditLog
  readonly clock: Clock
  /** Data folder; places are kept in `sinks/`. */
  readonly dataDir: string
  onHealth(sink: string, problem: string | undefined): void
}

/** One sink as operators see it. */
export interface SinkState {
  readonly name: string
  readonly to: SinkConfig['to']
  readonly required: boolean
  /** Index of the entry that it gets next. */
  readonly next: number | undefined
  readonly behind: { readonly entries: number; readonly ms: number }
  readonly overdue: boolean
  /** Why nothing is taken at present. */
  readonly problem?: string
}

interface Running {
  readonly config: SinkConfig
  readonly delivery: Delivery
}

/** The sinks of the configuration, each on its own. */
export class Deliveries implements AsyncDisposable {
  readonly #d: DeliveriesDeps
  readonly #running = new Map<string, Running>()

  constructor(deps: DeliveriesDeps) {
    this.#d = deps
  }

  /** Begins with new sinks, ends those that are gone; one that changed goes on where it was. Resolves when each knows its place. */
  async configure(sinks: SinksConfig): Promise<void> {
    const isSame = (name: string, { config }: Running) =>
      JSON.stringify(sinks[name]) === JSON.stringify(config)
    const over = [...this.#running].filter(([name, running]) => !isSame(name, running))
    // An old one counts until it is replaced, so that a required sink is not forgotten in between.
    await Promise.all(over.map(([, { delivery }]) => delivery.close()))
    for (const [name] of over) if (sinks[name] === undefined) this.#running.delete(name)
    for (const [name, config] of Object.entries(sinks)) {
      const running = this.#running.get(name)
      if (running === undefined || !isSame(name, running))
        this.#running.set(name, { config, delivery: this.#begin(name, config) })
    }
    await Promise.all([...this.#running.values()].map(({ delivery }) => delivery.opened))
  }

  /** A required sink that is further behind than it may be: nothing is to happen that it may not hear of. */
  overdue(): string | undefined {
    for (const [name, { config, delivery }] of this.#running)
      if (config.required && delivery.isOverdue) return name
    return undefined
  }

  states(): readonly SinkState[] {
    return [...this.#running].map(([name, { config, delivery }]) => ({
      name,
      to: config.to,
      required: config.required,
      next: delivery.next,
      behind: delivery.lag,
      overdue: delivery.isOverdue,
      ...(delivery.problem === undefined ? {} : { problem: delivery.problem }),
    }))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running.values()].map(({ delivery }) => delivery.close()))
  }

  #begin(name: string, config: SinkConfig): Delivery {
    const { log, clock, dataDir, onHealth } = this.#d
    return new Delivery({
      sink: openSink(config, { ...this.#d, name, origin: log.origin }),
      log,
      place: new PlaceFile(diskFiles, join(dataDir, 'sinks', `${name}.json`)),
      clock,
      from: config.from,
      batch: { entries: config.batch.entries, waitMs: durationMs(config.batch.wait) },
      timeoutMs: durationMs(config.timeout),
      maxBehind: { entries: config.max_behind.entries, ms: durationMs(config.max_behind.age) },
      onHealth: (problem) => onHealth(name, problem),
    })
  }
}
