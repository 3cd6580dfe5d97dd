import type { Logger } from 'pino'
import { AuditLog } from '../audit/log.ts'
import { logName } from '../audit/log-name.ts'
import type { Loaded } from '../config/load.ts'
import type { Clock } from '../lib/clock.ts'
import type { Reason } from '../model/reasons.ts'

export interface KeepingDeps {
  readonly loaded: Loaded
  readonly clock: Clock
  readonly logger: Logger
}

/** The log, and what follows it: each only reads, keeps its own place, and holds nobody up unless the configuration says so. */
export class LogKeeping implements AsyncDisposable {
  readonly log: AuditLog
  /** Each may say why nothing may be admitted now; asked for every call, so it answers from memory. */
  readonly #barriers: (() => Reason | undefined)[] = []

  private constructor(log: AuditLog) {
    this.log = log
  }

  /** @throws LogDamaged */
  static async open({ loaded, clock, logger }: KeepingDeps): Promise<LogKeeping> {
    const log = await AuditLog.open({
      dir: loaded.dataDir,
      origin: logName(loaded.dataDir),
      clock,
      queueLimit: loaded.config.limits.queue,
      onHealth: onChange((problem) =>
        problem ? logger.error(problem) : logger.warn('the log can be written again'),
      ),
    })
    return new LogKeeping(log)
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
