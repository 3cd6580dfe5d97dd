import { JsonLogsSerializer, ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer'
import { resourceFromAttributes } from '@opentelemetry/resources'
import type { SinkOf } from '../../config/sink-schema.ts'
import { eventId } from '../delivery/sink.ts'
import { factsOf } from '../formats/facts.ts'
import type { Source } from '../formats/format.ts'
import { severityOf } from '../formats/severity.ts'
import type { StoredEntry } from '../log.ts'

type LogRecord = Parameters<typeof ProtobufLogsSerializer.serializeRequest>[0][number]

const ENCODINGS = {
  protobuf: { serializer: ProtobufLogsSerializer, mediaType: 'application/x-protobuf' },
  json: { serializer: JsonLogsSerializer, mediaType: 'application/json' },
} as const

/** OTLP 1.x severity numbers (`SeverityNumber`) for those of syslog. */
const SEVERITIES = { 6: [9, 'INFO'], 5: [10, 'INFO2'], 4: [13, 'WARN'], 3: [17, 'ERROR'] } as const

interface OtlpRecords {
  readonly mediaType: string
  /** An `ExportLogsServiceRequest`. The body of a record is the whole entry; what people filter by is also in attributes. */
  encode(batch: readonly StoredEntry[]): Uint8Array
  /** How many records an `ExportLogsServiceResponse` says were not taken. @throws when it is none */
  rejectedIn(answer: Uint8Array): number
}

export function otlpRecords(encoding: SinkOf<'otlp'>['encoding'], source: Source): OtlpRecords {
  const { serializer, mediaType } = ENCODINGS[encoding]
  const toRecord = recorder(source)
  return {
    mediaType,
    encode: (batch) => serializer.serializeRequest(batch.map(toRecord)) as Uint8Array,
    rejectedIn: (answer) =>
      answer.length === 0
        ? 0
        : Number(serializer.deserializeResponse(answer).partialSuccess?.rejectedLogRecords ?? 0),
  }
}

function recorder({ origin, version }: Source): (stored: StoredEntry) => LogRecord {
  const resource = resourceFromAttributes({ 'service.name': 'ostiary', 'service.version': version })
  const instrumentationScope = { name: 'ostiary.audit', version }
  return (stored) => {
    const { entry, index, leaf } = stored
    const { actor, instance, task, call, server, method, name, code, outcome, trace } = factsOf(entry)
    const [severityNumber, severityText] = SEVERITIES[severityOf(entry).syslog]
    const at: [number, number] = [Math.floor(entry.ts / 1000), (entry.ts % 1000) * 1_000_000]
    return {
      hrTime: at,
      hrTimeObserved: at,
      severityNumber,
      severityText,
      eventName: `ostiary.${entry.type}`,
      body: entry as unknown as NonNullable<LogRecord['body']>,
      attributes: defined({
        'log.record.uid': eventId(origin, stored),
        'ostiary.log.index': index,
        'ostiary.log.leaf': leaf,
        'ostiary.actor': actor,
        'ostiary.instance': instance,
        'ostiary.task': task,
        'ostiary.call': call,
        'ostiary.server': server,
        'ostiary.method': method,
        'ostiary.name': name,
        'ostiary.code': code,
        'ostiary.outcome': outcome,
      }),
      droppedAttributesCount: 0,
      resource,
      instrumentationScope,
      ...(trace === undefined
        ? {}
        : { spanContext: { traceId: trace.id, spanId: trace.span, traceFlags: 0 } }),
    }
  }
}

const defined = (attributes: Record<string, string | number | undefined>): Record<string, string | number> =>
  Object.fromEntries(
    Object.entries(attributes).filter((pair): pair is [string, string | number] => pair[1] !== undefined),
  )
