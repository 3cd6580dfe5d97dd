import type { Logger } from 'pino'
import type { SinkState } from '../audit/deliveries.ts'
import { Deliveries } from '../audit/deliveries.ts'
import { AuditLog } from '../audit/log.ts'
import { logName } from '../audit/log-name.ts'
import type { Loaded } from '../config/load.ts'
import type { SecretReference } from '../config/schema.ts'
import type { Clock } from '../lib/clock.ts'
import type { Secret } from '../lib/secret.ts'
import type { Reason } from '../model/reasons.ts'
import { reason } from '../model/reasons.ts'
import type { Gauges } from '../trace/gauges.ts'

export interface KeepingDeps {
  readonly loaded: Loaded
  readonly clock: Clock
  readonly logger: Logger
  /** Of the gateway. */
  readonly version: string
}

type ResolveSecret = (sink: string, reference: SecretReference) => Promise<Secret>

/** The log, and what follows it: each only reads, keeps its own place, and holds nobody up unless the configuration says so. */
export class LogKeeping implements AsyncDisposable {
  readonly log: AuditLog
  /** Each may say why nothing may be admitted now; asked for every call, so it answers from memory. */
  readonly #barriers: (() => Reason | undefined)[] = []

  readonly #deps: KeepingDeps
  #deliveries: Deliveries | undefined

  private constructor(log: AuditLog, deps: KeepingDeps) {
    this.log = log
    this.#deps = deps
    const tellRefusal = onChange((sink: string | undefined) =>
      sink === undefined
        ? deps.logger.warn('calls go on: the sinks that are required have caught up')
        : deps.logger.error({ sink }, 'calls are refused: the sink is required, and too far behind'),
    )
    this.#barriers.push(() => {
      const sink = this.#deliveries?.overdue()
      tellRefusal(sink)
      return sink === undefined ? undefined : reason('SINK_BEHIND', { sink })
    })
  }

  /** @throws LogDamaged */
  static async open(deps: KeepingDeps): Promise<LogKeeping> {
    const { loaded, clock, logger } = deps
    const log = await AuditLog.open({
      dir: loaded.dataDir,
      origin: logName(loaded.dataDir),
      clock,
      queueLimit: loaded.config.limits.queue,
      onHealth: onChange((problem) =>
        problem ? logger.error(problem) : logger.warn('the log can be written again'),
      ),
    })
    return new LogKeeping(log, deps)
  }

  /** Delivers to the sinks of this configuration, and no longer to others. */
  async deliver({ config, dir }: Loaded, secret: ResolveSecret): Promise<void> {
    const { loaded, clock, logger, version } = this.#deps
    this.#deliveries ??= new Deliveries({
      log: this.log,
      clock,
      dataDir: loaded.dataDir,
      dir,
      version,
      secret,
      onHealth: (sink, problem) =>
        problem === undefined
          ? logger.warn({ sink }, 'the sink takes entries again')
          : logger.error({ sink }, `the sink does not get every entry: ${problem}`),
    })
    await this.#deliveries.configure(config.audit.sinks)
  }

  sinks(): readonly SinkState[] {
    return this.#deliveries?.states() ?? []
  }

  /** How far behind each is, for metrics. */
  measure({ gauge }: Gauges): void {
    gauge('ostiary_sink_lag_entries', () =>
      Object.fromEntries(this.sinks().map(({ name, behind }) => [name, behind.entries])),
    )
  }

  /** Why calls are refused although the log can be written; undefined when they are not. */
  whyRefuse(): Reason | undefined {
    for (const barrier of this.#barriers) {
      const why = barrier()
      if (why) return why
    }
    return undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#deliveries?.[Symbol.asyncDispose]()
    await this.log.close()
  }
}

/** Passes a value on when it is another than the one before. */
function onChange<T>(tell: (value: T) => void): (value: T) => void {
  let last: T | undefined
  return (value) => {
    if (value !== last) tell(value)
    last = value
  }
}
