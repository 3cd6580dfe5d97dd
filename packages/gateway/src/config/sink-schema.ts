import { z } from 'zod'
import { Duration, Name, SecretRef } from './fields.ts'

/** Versions of the OCSF schema in which events can be written, the newest first. */
export const OCSF_VERSIONS = ['1.9.0-dev', '1.8.0', '1.5.0', '1.3.0'] as const
export type OcsfVersion = (typeof OCSF_VERSIONS)[number]

const common = {
  from: z
    .enum(['now', 'beginning'])
    .default('now')
    .describe('Where a new sink begins. One that was there before goes on where it was.'),
  required: z
    .boolean()
    .default(false)
    .describe(
      'Refuse calls while it is further behind than `max_behind`. Unless set, a sink never holds up a call.',
    ),
  max_behind: z
    .strictObject({
      entries: z.int().positive().default(10_000),
      age: Duration.default('5m').describe('Of the oldest entry that was not taken yet.'),
    })
    .prefault({})
    .describe('How far behind the log it may be before that is reported as a problem.'),
  batch: z
    .strictObject({
      entries: z.int().min(1).max(1000).default(200),
      wait: Duration.default('1s').describe('For how long an entry waits for others.'),
    })
    .prefault({}),
  timeout: Duration.default('10s').describe('For one delivery; then it is tried again.'),
}

const format = {
  format: z
    .enum(['json', 'cef', 'ocsf'])
    .default('json')
    .describe('`json` is the entry as it is in the log, with its index and leaf hash.'),
  ocsf_version: z
    .enum(OCSF_VERSIONS)
    .default('1.8.0')
    .describe('Of the OCSF schema, for receivers that know only older ones.'),
}

const ca = z
  .string()
  .min(1)
  .optional()
  .describe('File with the certificates of authorities to trust, in PEM; those of the system unless given.')

const HttpHeaders = z
  .record(
    z.string().regex(/^[A-Za-z0-9-]{1,60}$/, 'write the name of a header'),
    z.union([z.string(), SecretRef]),
  )
  .refine(
    (headers) =>
      Object.entries(headers).every(
        ([name, value]) => name.toLowerCase() !== 'authorization' || typeof value === 'object',
      ),
    'write `Authorization` as a reference: literal secrets are refused',
  )
  .default({})
  .describe(
    'Sent with every request. References are resolved each time, so that a short-lived token can be replaced.',
  )

const httpCommon = {
  url: z.url({ protocol: /^https?$/ }).describe('https, or http to loopback. Redirects are not followed.'),
  headers: HttpHeaders,
  ca,
}

const FileSink = z.strictObject({
  to: z.literal('file'),
  path: z.string().min(1).describe('One event a line; the file belongs to this sink alone.'),
  rotate: z
    .strictObject({
      megabytes: z.int().positive().default(100),
      daily: z.boolean().default(true).describe('Also at midnight UTC.'),
    })
    .prefault({})
    .describe('When a new file is begun. Old ones are kept; delete or move them as you like.'),
  ...format,
  ...common,
})

const StdoutSink = z.strictObject({ to: z.literal('stdout'), ...format, ...common })

const HttpsSink = z.strictObject({
  to: z.literal('https'),
  ...httpCommon,
  body: z
    .enum(['ndjson', 'array', 'splunk'])
    .default('ndjson')
    .describe(
      '`ndjson` is one event a line, `array` a JSON array (as Microsoft Sentinel takes), `splunk` the envelope of an HTTP Event Collector.',
    ),
  ...format,
  ...common,
})

const SyslogSink = z.strictObject({
  to: z.literal('syslog'),
  host: z.string().min(1).max(255),
  port: z.int().min(1).max(65_535).default(6514),
  ca,
  client: z
    .strictObject({ cert: z.string().min(1), key: SecretRef })
    .optional()
    .describe('Certificate file and key by which this gateway shows who it is.'),
  max_octets: z
    .int()
    .min(2048)
    .max(65_536)
    .default(2048)
    .describe(
      'Largest message. What is longer is sent as a summary with its event id (RFC 5425 asks receivers for 2048).',
    ),
  ...format,
  ...common,
})

const OtlpSink = z.strictObject({
  to: z.literal('otlp'),
  ...httpCommon,
  encoding: z.enum(['protobuf', 'json']).default('protobuf'),
  ...common,
})

const SinkSchema = z
  .discriminatedUnion('to', [FileSink, StdoutSink, HttpsSink, SyslogSink, OtlpSink])
  .refine(
    (sink) => !(sink.to === 'https' && sink.body !== 'ndjson' && sink.format === 'cef'),
    '`cef` is text, so it goes into no JSON: use the body `ndjson`',
  )

export const SinksSchema = z
  .record(Name, SinkSchema)
  .default({})
  .describe('Where every entry of the log is sent as well, each at its own pace and at least once.')

export type SinksConfig = z.output<typeof SinksSchema>
export type SinkConfig = SinksConfig[string]
export type SinkOf<To extends SinkConfig['to']> = Extract<SinkConfig, { to: To }>
/** How events are written, for sinks that have a choice. */
export type FormatConfig = Pick<SinkOf<'file'>, 'format' | 'ocsf_version'>
