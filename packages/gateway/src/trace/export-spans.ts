import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { resourceFromAttributes } from '@opentelemetry/resources'
import type { SpanExporter } from '@opentelemetry/sdk-trace'
import { BatchSpanProcessor } from '@opentelemetry/sdk-trace'
import type { Sampler } from './call-trace.ts'
import { RESOURCE, SCHEMA_URL } from './conventions.ts'
import type { CallWatcher } from './ended-call.ts'
import { spansOf } from './spans.ts'

/** Spans that wait for the collector; more are dropped. */
const QUEUE = 2048
const BATCH = 512
const PAUSE_MS = 1000
/** For one batch; the next waits as long. */
const EXPORT_MS = 3000
/** What is still unsent when the gateway stops may take this long. */
const LAST_MS = 1000

export interface Exporting extends AsyncDisposable {
  readonly watch: CallWatcher
}

/**
 * Sends spans to a collector (OTLP over HTTP, protobuf), in batches beside the calls. A collector that is slow or dead costs a bounded queue
 * of spans, and nothing else.
 */
export function exportSpans(options: {
  readonly endpoint: string
  readonly headers: Readonly<Record<string, string>>
  readonly sampler: Sampler
  readonly about: { readonly version: string; readonly instance: string; readonly log: string }
  /** Told when the collector stops taking spans, and when it takes them again. */
  onHealth(isTaking: boolean): void
}): Exporting {
  const { endpoint, headers, sampler, about } = options
  const exporter = new OTLPTraceExporter({ url: endpoint, headers: { ...headers }, timeoutMillis: EXPORT_MS })
  const processor = new BatchSpanProcessor({
    exporter: watched(exporter, options.onHealth),
    maxQueueSize: QUEUE,
    maxExportBatchSize: BATCH,
    scheduledDelayMillis: PAUSE_MS,
    exportTimeoutMillis: EXPORT_MS,
  })
  const resource = resourceFromAttributes(
    {
      [RESOURCE.name]: 'ostiary',
      [RESOURCE.version]: about.version,
      [RESOURCE.instance]: about.instance,
      [RESOURCE.log]: about.log,
    },
    { schemaUrl: SCHEMA_URL },
  )
  return {
    watch(call) {
      // A stranger can make calls without end: what is not on record is not traced either.
      if (call.who === undefined && call.logIndex === undefined) return
      for (const span of spansOf(call, { resource, sampler, wallClock: Date.now() })) processor.onEnd(span)
    },
    async [Symbol.asyncDispose]() {
      const { promise, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, LAST_MS)
      await Promise.race([processor.shutdown().catch(() => {}), promise])
      clearTimeout(timer)
    },
  }
}

/** `ExportResultCode.SUCCESS` of the SDK. */
const SUCCESS = 0

function watched(exporter: OTLPTraceExporter, onHealth: (isTaking: boolean) => void): SpanExporter {
  let isTaking = true
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        if (isTaking !== (result.code === SUCCESS)) {
          isTaking = !isTaking
          onHealth(isTaking)
        }
        done(result)
      })
    },
    shutdown: () => exporter.shutdown(),
  }
}
