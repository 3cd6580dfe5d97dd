import { z } from 'zod'
import { SecretRef } from './fields.ts'

/** `host:port`; an IPv6 address in brackets. */
const Place = z
  .string()
  .regex(/^(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):\d{1,5}$/, 'write host:port, e.g. 127.0.0.1:9464')

/** Traces for OpenTelemetry and metrics for Prometheus. Nothing is loaded or sent unless it is configured. */
export const TelemetrySchema = z.strictObject({
  traces: z
    .strictObject({
      endpoint: z
        .url({ protocol: /^https?$/ })
        .describe(
          'Where spans are sent: OTLP over HTTP with protobuf, e.g. http://127.0.0.1:4318/v1/traces.',
        ),
      headers: z
        .record(z.string().regex(/^[A-Za-z0-9-]{1,100}$/), SecretRef)
        .default({})
        .describe('Headers for the collector, e.g. an API key.'),
      sample: z
        .number()
        .min(0)
        .max(1)
        .default(1)
        .describe('Share of traces that are recorded. What an agent asks for does not count.'),
    })
    .optional()
    .describe('Spans of calls, never their arguments or results.'),
  metrics: z
    .strictObject({
      listen: Place.default('127.0.0.1:9464').describe(
        'Where /metrics is served, without authentication: an address of its own, never that of the agents.',
      ),
    })
    .optional()
    .describe('Metrics for Prometheus.'),
})

export type TelemetryConfig = z.output<typeof TelemetrySchema>

const Keys = z.array(z.string().min(1).max(256)).default([])

/** What of the context that travels with an agent's trace one server may see. */
export const ServerTraceSchema = z.strictObject({
  baggage: Keys.describe('Keys of `baggage` that are passed on.'),
  tracestate: Keys.describe('Keys of `tracestate` that are passed on.'),
})
