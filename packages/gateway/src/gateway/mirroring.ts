import { join } from 'node:path'
import type { Logger } from 'pino'
import type { AuditLog } from '../audit/log.ts'
import type { MirrorStatus } from '../audit/mirror/mirror.ts'
import { LogMirror } from '../audit/mirror/mirror.ts'
import type { Loaded } from '../config/load.ts'
import type { MirrorConfig } from '../config/mirror-schema.ts'
import { durationMs } from '../config/schema.ts'
import type { Recorder } from '../model/evidence.ts'
import type { Reason } from '../model/reasons.ts'
import { reason } from '../model/reasons.ts'
import type { MirrorStoreDeps } from './mirror-store.ts'
import { mirrorStore } from './mirror-store.ts'

/** For how long a gateway that stops waits for the mirror to get the last entries. */
const LAST_ROUND_MS = 5_000

export interface MirroringDeps extends Pick<MirrorStoreDeps, 'clock' | 'resolve'> {
  readonly loaded: Loaded
  readonly log: AuditLog
  readonly recorder: Recorder
  readonly logger: Logger
}

/** Runs the rounds of the mirror, one after the other, for as long as the gateway runs. */
export class Mirroring implements AsyncDisposable {
  readonly #mirror: LogMirror
  readonly #config: MirrorConfig
  readonly #deps: MirroringDeps
  readonly #maxBehindMs: number
  #round: Promise<void>
  #timer: NodeJS.Timeout | undefined
  #isOver = false

  constructor(config: MirrorConfig, deps: MirroringDeps) {
    const { loaded, log, recorder, clock, logger } = deps
    this.#config = config
    this.#deps = deps
    this.#maxBehindMs = durationMs(config.max_behind)
    this.#mirror = new LogMirror({
      log,
      recorder,
      clock,
      dir: join(loaded.dataDir, 'log'),
      store: mirrorStore(config, log.origin, { ...deps, dir: loaded.dir }),
      placeFile: join(loaded.dataDir, 'mirror.json'),
      onProblem: (problem) => logger.error(problem),
    })
    this.#round = this.#run()
  }

  async #run(): Promise<void> {
    await this.#mirror.round()
    if (this.#isOver) return
    this.#timer = setTimeout(() => {
      this.#round = this.#run()
    }, durationMs(this.#config.every))
    this.#timer.unref()
  }

  status(): MirrorStatus & { readonly required: boolean } {
    return { ...this.#mirror.status(), required: this.#config.required }
  }

  /** Entries that the last round should have copied and has not. */
  get lag(): number {
    return this.#mirror.lag
  }

  /** Why no call may be made now; undefined where the mirror is not required or not behind. */
  whyRefuse(): Reason | undefined {
    if (!this.#config.required) return undefined
    const { currentAt = -Infinity } = this.#mirror
    // A clock that was set back must not make an old copy look new.
    return Math.abs(this.#deps.clock.now() - currentAt) > this.#maxBehindMs
      ? reason('MIRROR_BEHIND')
      : undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true
    clearTimeout(this.#timer)
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, LAST_ROUND_MS)
    })
    await Promise.race([this.#round.then(() => this.#mirror.round()), late])
    clearTimeout(timer)
  }
}
