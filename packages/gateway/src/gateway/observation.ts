import type { Loaded } from '../config/load.ts'
import type { RunningTelemetry, TelemetrySettings } from '../trace/start.ts'
import { startTelemetry } from '../trace/start.ts'
import type { DataPlane } from './data-plane.ts'
import type { Fleet } from './fleet/fleet.ts'
import { serveMetrics } from './metrics-listener.ts'
import { Readiness, unmet } from './readiness.ts'
import type { Rooms } from './rooms.ts'

interface Observed {
  readonly loaded: Loaded
  readonly rooms: Rooms
  readonly plane: DataPlane
  readonly fleet: Fleet
  /** Private to this gateway; the same in all its processes. */
  readonly key: Uint8Array
  readonly version: string
  onProblem(problem: string): void
  onBug(error: unknown): void
}

/** What the owner lets be seen of the gateway, in all its processes: spans, metrics, and whether it is ready. */
export class Observation implements AsyncDisposable {
  /** Of this process; also where further gauges are registered. */
  readonly telemetry: RunningTelemetry
  /** What workers start theirs with. */
  readonly settings: TelemetrySettings
  readonly readiness: Readiness
  readonly #stack: AsyncDisposableStack

  private constructor(
    parts: Pick<Observation, 'telemetry' | 'settings' | 'readiness'>,
    stack: AsyncDisposableStack,
  ) {
    this.telemetry = parts.telemetry
    this.settings = parts.settings
    this.readiness = parts.readiness
    this.#stack = stack
  }

  /** @throws Refusal when a header's secret cannot be had; CannotListen */
  static async open(observed: Observed): Promise<Observation> {
    await using stack = new AsyncDisposableStack()
    const { loaded, rooms, fleet, key, version } = observed
    const config = loaded.config.telemetry
    const headers: Record<string, string> = {}
    for (const [name, reference] of Object.entries(config.traces?.headers ?? {}))
      headers[name] = (await rooms.resolve('telemetry', reference)).reveal()
    const settings = { config, headers, key, version, logOrigin: rooms.log.origin }
    const telemetry = stack.use(await startTelemetry(settings, observed.onProblem))
    register(telemetry, observed)
    if (config.metrics)
      stack.use(
        await serveMetrics({
          place: config.metrics.listen,
          hosts: loaded.config.listen.hosts,
          snapshots: async () => [await telemetry.snapshot(), ...(await fleet.metrics.snapshots())],
          onBug: observed.onBug,
        }),
      )
    const readiness = new Readiness(() =>
      unmet({
        log: () => rooms.log.takesEntries(),
        bus: () => rooms.bus.alive(),
        async store() {
          await rooms.store.db.selectFrom('locks').select('id').limit(1).execute()
          return true
        },
      }),
    )
    return new Observation({ telemetry, settings, readiness }, stack.move())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync()
  }
}

function register({ gauge }: RunningTelemetry, { rooms, plane, fleet }: Observed): void {
  const { log, bus, locks, tokens } = rooms
  gauge('ostiary_log_entries', () => log.size)
  gauge('ostiary_log_unsigned_entries', () => log.unsigned)
  gauge('ostiary_log_waiting_entries', () => log.waiting)
  gauge('ostiary_log_writable', () => Number(log.isHealthy))
  gauge('ostiary_bus_alive', () => Number(bus.alive()))
  gauge('ostiary_locks_in_force', () => locks.view.list().length)
  gauge('ostiary_tokens', () => tokens.size)
  gauge('ostiary_calls_open', () => plane.inFlight.size + fleet.calls)
}
