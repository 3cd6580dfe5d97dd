import { join, resolve } from 'node:path'
import type { Policy, VerifierKey } from '@ostiary/evidence'
import { openWitnessed, parseVkey } from '@ostiary/evidence'
import type { Logger } from 'pino'
import type { SinkState } from '../audit/delivery/deliveries.ts'
import { Deliveries } from '../audit/delivery/deliveries.ts'
import type { Level } from '../audit/level.ts'
import { levelOf } from '../audit/level.ts'
import { AuditLog } from '../audit/log.ts'
import type { ProjectionPlace } from '../audit/projection/place.ts'
import { Projection } from '../audit/projection/projection.ts'
import { openSigner } from '../audit/signers/index.ts'
import { heartbeat } from '../audit/witness/heartbeat.ts'
import { Witnesses } from '../audit/witness/witnesses.ts'
import type { Loaded } from '../config/load.ts'
import type { SecretReference } from '../config/schema.ts'
import { durationMs } from '../config/schema.ts'
import { readWitnessesToAsk } from '../config/witness-policy.ts'
import type { Clock } from '../lib/clock.ts'
import type { Secret } from '../lib/secret.ts'
import type { Recorder } from '../model/evidence.ts'
import type { Reason } from '../model/reasons.ts'
import { reason } from '../model/reasons.ts'
import type { Gauges } from '../trace/gauges.ts'
import { Mirroring } from './mirroring.ts'
import { projectionPlace } from './open-store.ts'
import { unsignedBarrier } from './unsigned-barrier.ts'

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
  readonly projection: Projection
  readonly witnesses: Witnesses | undefined
  readonly #policy: Policy | undefined
  readonly #clock: Clock
  readonly #followers = new AsyncDisposableStack()
  /** Each may say why nothing may be admitted now; asked for every call, so it answers from memory. */
  readonly #barriers: (() => Reason | undefined)[] = []

  readonly #deps: KeepingDeps
  #deliveries: Deliveries | undefined
  #mirror: Mirroring | undefined

  private constructor(log: AuditLog, policy: Policy | undefined, place: ProjectionPlace, deps: KeepingDeps) {
    this.log = log
    this.#policy = policy
    this.#clock = deps.clock
    this.#deps = deps
    this.#barriers.push(unsignedBarrier(log))
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
    const { loaded, clock, logger } = deps
    this.projection = this.#followers.use(
      new Projection({
        log,
        logDir: join(loaded.dataDir, 'log'),
        place,
        onProblem: (problem) =>
          problem
            ? logger.error(`the searchable tables of the log: ${problem}`)
            : logger.warn('the searchable tables of the log can be used again'),
      }),
    )
    if (policy) {
      const onProblem = witnessProblems(logger)
      this.witnesses = this.#followers.use(new Witnesses({ log, policy, clock, onProblem }))
      this.#followers.use(heartbeat(log, durationMs(loaded.config.audit.heartbeat)))
      if (policy.logs.length > 0 && !policy.logs.some(({ key }) => key.name === log.origin))
        logger.warn(
          `the policy of \`audit.witnesses\` lists logs, and not this one: whoever verifies by it needs the line: log ${log.vkey}`,
        )
    }
  }

  /** @throws LogDamaged, ConfigInvalid, SigningFailed, LogNameTaken */
  static async open(deps: KeepingDeps): Promise<LogKeeping> {
    const { loaded, clock, logger } = deps
    const { audit, limits } = loaded.config
    const policy =
      audit.witnesses === undefined ? undefined : readWitnessesToAsk(resolve(loaded.dir, audit.witnesses))
    const place = await projectionPlace(loaded)
    const log = await AuditLog.open({
      dir: loaded.dataDir,
      signer: await openSigner(audit.signer, loaded.dataDir),
      clock,
      queueLimit: limits.queue,
      onHealth: onChange((problem) =>
        problem ? logger.error(problem) : logger.warn('the log can be written again'),
      ),
    })
    return new LogKeeping(log, policy, place, deps)
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

  /** Copies the log to the second place of the configuration. It ends before the rooms do, with what the stop itself has recorded. */
  startMirror(rooms: { readonly recorder: Recorder; readonly resolve: ResolveSecret }): AsyncDisposable {
    const stack = new AsyncDisposableStack()
    const { mirror } = this.#deps.loaded.config.audit
    if (mirror !== undefined) {
      const mirroring = stack.use(new Mirroring(mirror, { ...this.#deps, ...rooms, log: this.log }))
      this.#barriers.push(() => mirroring.whyRefuse())
      this.#mirror = mirroring
    }
    return stack
  }

  /** The copy in a second place; undefined when none is configured. */
  get mirror(): Pick<Mirroring, 'status'> | undefined {
    return this.#mirror
  }

  /** How far behind each is, for metrics. */
  measure({ gauge }: Gauges): void {
    gauge('ostiary_projection_lag_entries', () => {
      const { projected, size } = this.projection.state
      return size - projected
    })
    gauge('ostiary_mirror_lag_entries', () => {
      const { mirror } = this.#deps.loaded.config.audit
      if (!mirror || !this.#mirror) return {}
      return { ['s3' in mirror ? 's3' : 'directory']: this.#mirror.lag }
    })
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

  /** How far the log can be believed without believing this host. */
  async level(): Promise<Level> {
    const note = this.log.checkpoints.witnessed?.note
    const policy = this.#policy
    const opened =
      note !== undefined && policy
        ? await openWitnessed(note, { ...policy, logs: [] }, parseVkey(this.log.vkey) as VerifierKey)
        : undefined
    const witnessed = opened && { size: opened.checkpoint.size, cosignatures: opened.cosignatures }
    return levelOf({ policy, witnessed, mirror: this.#mirror?.status(), now: this.#clock.now() })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#deliveries?.[Symbol.asyncDispose]()
    await this.#followers.disposeAsync()
    await this.log.close()
  }
}

/** Says of each witness when it begins to fail and when that is over. What contradicts this log is evidence, so it is never a mere warning. */
function witnessProblems(logger: Logger) {
  const tell = new Map<string, (problem: string | undefined) => void>()
  return (witness: string, problem: string | undefined, contradicts: boolean) => {
    const told =
      tell.get(witness) ??
      onChange((now: string | undefined) => {
        if (now === undefined) logger.info({ witness }, 'a witness cosigns')
        else if (contradicts) logger.error({ witness }, `a witness contradicts this log: ${now}`)
        else logger.warn({ witness }, `a witness did not cosign: ${now}`)
      })
    tell.set(witness, told)
    told(problem)
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
