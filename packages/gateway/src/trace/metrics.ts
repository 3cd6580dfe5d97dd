import type { MetricObjectWithValues, MetricValue } from 'prom-client'
import { AggregatorRegistry, Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { Capped } from './capped.ts'
import { DURATION, inPrometheus, MODEL_APIS, OTHER_ERROR, TOOL_ERROR } from './conventions.ts'
import type { CallWatcher, EndedCall } from './ended-call.ts'
import { type Reading, reading } from './gauges.ts'
import type { GaugeName } from './metric-catalogue.ts'
import { COUNTERS, GAUGES, HISTOGRAMS } from './metric-catalogue.ts'

const MOST_TOOLS = 100
const MOST_METHODS = 40
/** Of a method and a server. A scrape blocks for the time it takes to write all histograms down. */
const MOST_PAIRS = 200
const MOST_PROVIDERS = 50

/** The metrics of one process, as they go to another. */
export type Snapshot = readonly MetricObjectWithValues<MetricValue<string>>[]

/** What one process counts. The number of series is bounded whatever agents do. */
export class Metrics {
  readonly #registry = new Registry()
  readonly #calls = this.#counter('ostiary_calls_total')
  readonly #tools = this.#counter('ostiary_tool_calls_total')
  readonly #unread = this.#counter('ostiary_unread_total')
  readonly #asServer = this.#histogram(inPrometheus(DURATION.mcpServer))
  readonly #asClient = this.#histogram(inPrometheus(DURATION.mcpClient))
  readonly #models = this.#histogram(inPrometheus(DURATION.model))
  readonly #stages = this.#histogram('ostiary_stage_duration_seconds')
  readonly #toolNames = new Capped(MOST_TOOLS)
  readonly #methods = new Capped(MOST_METHODS)
  readonly #pairs = new Capped(MOST_PAIRS)
  readonly #providers = new Capped(MOST_PROVIDERS)

  readonly watch: CallWatcher = (call) => {
    const { protocol, kind, result, code = '' } = call
    this.#calls.inc({ protocol, kind, result, code })
    if (protocol === 'llm') this.#model(call)
    else this.#mcp(call)
  }

  readonly onStage = (stage: string, ms: number): void => this.#stages.observe({ stage }, ms / 1000)

  readonly onUnread = (code: string): void => this.#unread.inc({ code })

  /** Event loop, memory, processor, garbage collection, under the names that everybody uses. For the life of the process. */
  ofProcess(): void {
    collectDefaultMetrics({ register: this.#registry })
  }

  /** Read anew for each scrape; MUST answer from memory. A label's values MUST stand in the configuration. */
  gauge(name: GaugeName, read: () => Reading): void {
    const { help, labels } = GAUGES[name] as { help: string; labels: readonly string[] }
    new Gauge({
      name,
      help,
      labelNames: [...labels],
      registers: [this.#registry],
      collect() {
        this.reset()
        for (const [value, count] of reading(read())) {
          if (labels[0] === undefined) this.set(count)
          else this.set({ [labels[0]]: value }, count)
        }
      },
    })
  }

  snapshot(): Promise<Snapshot> {
    return this.#registry.getMetricsAsJSON()
  }

  #mcp({ kind, method, name, server, result, startedAt, endedAt, trace }: EndedCall): void {
    const isAdmitted = result !== 'denied'
    const mcp_method_name = isAdmitted ? this.#methods.vouched(method) : this.#methods.claimed(method)
    const error_type = errorType(result)
    this.#asServer.observe({ mcp_method_name, error_type }, (endedAt - startedAt) / 1000)
    if (!isAdmitted) return
    if (trace.forwardedAt !== undefined) {
      const isShown = this.#pairs.vouched(`${mcp_method_name} ${server}`) !== 'other'
      const labels = { mcp_method_name, server: isShown ? server : 'other', error_type }
      this.#asClient.observe(labels, (endedAt - trace.forwardedAt) / 1000)
    }
    // What was admitted is pinned; resources are named by their callers.
    if ((kind !== 'tool' && kind !== 'prompt') || name === undefined) return
    const isShown = this.#toolNames.vouched(`${server}/${name}`) !== 'other'
    this.#tools.inc({ server: isShown ? server : 'other', tool: isShown ? name : 'other', result })
  }

  #model({ method, server, result, endedAt, trace }: EndedCall): void {
    if (trace.forwardedAt === undefined) return
    const { operation = 'other', provider = 'other' } = MODEL_APIS[method] ?? {}
    this.#models.observe(
      {
        gen_ai_operation_name: operation,
        gen_ai_provider_name: provider,
        server: this.#providers.vouched(server),
        error_type: errorType(result),
      },
      (endedAt - trace.forwardedAt) / 1000,
    )
  }

  #counter(name: keyof typeof COUNTERS): Counter {
    const { help, labels } = COUNTERS[name]
    return new Counter({ name, help, labelNames: [...labels], registers: [this.#registry] })
  }

  #histogram(name: string): Histogram {
    const { help, labels, bounds } = HISTOGRAMS[name] as (typeof HISTOGRAMS)[string]
    return new Histogram({
      name,
      help,
      labelNames: [...labels],
      buckets: [...bounds],
      registers: [this.#registry],
    })
  }
}

/** Coarser than the reason codes, which the counter has: each value multiplies the buckets. */
const errorType = (result: EndedCall['result']): string =>
  result === 'ok' ? '' : result === 'tool_error' ? TOOL_ERROR : OTHER_ERROR

/** What several processes counted, together, in the text format of Prometheus. */
export async function exposition(snapshots: readonly Snapshot[]): Promise<{ text: string; type: string }> {
  const registry = AggregatorRegistry.aggregate(snapshots as never)
  return { text: await registry.metrics(), type: registry.contentType }
}

/** Counts of processes that are no more, so that sums never fall. */
export async function folded(snapshots: readonly Snapshot[]): Promise<Snapshot> {
  const counts = snapshots.map((snapshot) =>
    snapshot.filter(({ type }) => String(type) === 'counter' || String(type) === 'histogram'),
  )
  return await AggregatorRegistry.aggregate(counts as never).getMetricsAsJSON()
}
