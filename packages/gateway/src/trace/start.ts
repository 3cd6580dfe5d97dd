import { randomUUID } from 'node:crypto'
import type { TelemetryConfig } from '../config/telemetry-schema.ts'
import { sampler } from './call-trace.ts'
import type { EndedCall } from './ended-call.ts'
import type { Gauges } from './gauges.ts'
import type { Snapshot } from './metrics.ts'
import type { Telemetry } from './telemetry.ts'
import { NO_TELEMETRY } from './telemetry.ts'

/** What one process of the gateway is told to let be seen; data, so that it can go to another. */
export interface TelemetrySettings {
  readonly config: TelemetryConfig
  /** Values of `telemetry.traces.headers`. */
  readonly headers: Readonly<Record<string, string>>
  /** Keeps agents from choosing which traces are recorded. */
  readonly key: Uint8Array
  readonly version: string
  readonly logOrigin: string
}

export interface RunningTelemetry extends Telemetry, Gauges, AsyncDisposable {
  /** What this process counted; empty where metrics are not configured. */
  snapshot(): Promise<Snapshot>
}

/** Loads what is configured, and nothing else. Each process sends its own spans; their counts are added up by the owner. */
export async function startTelemetry(
  { config, headers, key, version, logOrigin }: TelemetrySettings,
  onProblem: (problem: string) => void,
): Promise<RunningTelemetry> {
  const { traces } = config
  const metrics = config.metrics && new (await import('./metrics.ts')).Metrics()
  metrics?.ofProcess()
  const which = traces && sampler(traces.sample, key)
  const exporting =
    which &&
    (await import('./export-spans.ts')).exportSpans({
      endpoint: traces.endpoint,
      headers,
      sampler: which,
      about: { version, instance: randomUUID(), log: logOrigin },
      onHealth: (isTaking) =>
        onProblem(
          isTaking ? 'the collector takes spans again' : 'the collector takes no spans; they are dropped',
        ),
    })
  const watchers = [metrics?.watch, exporting?.watch].filter((watch) => watch !== undefined)
  const watchAll = (call: EndedCall) => {
    for (const watch of watchers) watch(call)
  }
  return {
    ...NO_TELEMETRY,
    sampler: which,
    watch: watchers.length === 0 ? undefined : watchAll,
    onStage: metrics?.onStage,
    onUnread: metrics?.onUnread,
    gauge: (name, read) => metrics?.gauge(name, read),
    snapshot: async () => (await metrics?.snapshot()) ?? [],
    async [Symbol.asyncDispose]() {
      await exporting?.[Symbol.asyncDispose]()
    },
  }
}
