import type { Attributes, Link, SpanContext } from '@opentelemetry/api'
import { SpanKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import type { CallTrace, Sampler } from './call-trace.ts'
import { ATTRIBUTE, EXECUTE_TOOL, MODEL_APIS, OTHER_ERROR, SCHEMA_URL, TOOL_ERROR } from './conventions.ts'
import type { EndedCall } from './ended-call.ts'
import type { TraceParent } from './w3c.ts'

const SCOPE = { name: 'ostiary', schemaUrl: SCHEMA_URL }
/** What an agent wrote in place of a name is not a name. */
const PLAIN = /^[\w./:@ -]{1,128}$/

/**
 * The spans of one exchange: the agent's request (SERVER) and, where it went on, the gateway's own to the upstream (CLIENT). Built when it is
 * over, from what is known of it then, so that nothing is paid for a trace that is not recorded.
 * @param wallClock epoch milliseconds at this moment
 */
export function spansOf(
  call: EndedCall,
  { resource, sampler, wallClock }: Pick<ReadableSpan, 'resource'> & { sampler: Sampler; wallClock: number },
): readonly ReadableSpan[] {
  const { trace, destination } = call
  if (!sampler(trace.traceId)) return []
  const since = wallClock - performance.now()
  const errorType = errorOf(call)
  const subject = subjectOf(call)
  const build = (
    part: Pick<ReadableSpan, 'kind' | 'attributes' | 'links'> & {
      readonly spanId: string
      readonly parent: SpanContext | undefined
      readonly from: number
    },
  ): ReadableSpan => ({
    name: nameOf(call),
    kind: part.kind,
    spanContext: () => own(trace, part.spanId),
    ...(part.parent ? { parentSpanContext: part.parent } : {}),
    startTime: hrTime(since + part.from),
    endTime: hrTime(since + call.endedAt),
    duration: hrTime(call.endedAt - part.from),
    status: { code: errorType === undefined ? SpanStatusCode.UNSET : SpanStatusCode.ERROR },
    attributes: { ...subject, ...part.attributes, ...(errorType ? { [ATTRIBUTE.error]: errorType } : {}) },
    links: part.links,
    events: [],
    ended: true,
    resource,
    instrumentationScope: SCOPE,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  })
  const server = build({
    kind: SpanKind.SERVER,
    spanId: trace.spanId,
    parent: trace.parent && remote(trace.parent),
    from: call.startedAt,
    attributes: { [ATTRIBUTE.transport]: 'tcp', ...evidenceOf(call) },
    links: trace.links.map((link): Link => ({ context: remote(link) })),
  })
  if (trace.forwardedAt === undefined) return [server]
  const client = build({
    kind: SpanKind.CLIENT,
    spanId: trace.upstreamSpanId,
    parent: own(trace, trace.spanId),
    from: trace.forwardedAt,
    attributes: placeOf(destination),
    links: [],
  })
  return [server, client]
}

const own = ({ traceId }: CallTrace, spanId: string): SpanContext => ({
  traceId,
  spanId,
  traceFlags: TraceFlags.SAMPLED,
})

const remote = ({ traceId, spanId, isSampled }: TraceParent): SpanContext => ({
  traceId,
  spanId,
  traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
  isRemote: true,
})

const hrTime = (ms: number): [number, number] => {
  const seconds = Math.floor(ms / 1000)
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)]
}

/** `{method} {tool}`, or `{operation} {model}`; never a resource's address. */
function nameOf({ protocol, kind, method, name }: EndedCall): string {
  const what = protocol === 'llm' ? (MODEL_APIS[method]?.operation ?? 'model') : plain(method)
  const target = kind === 'tool' || kind === 'prompt' || kind === 'model' ? name : undefined
  return target === undefined ? what : `${what} ${plain(target)}`
}

function subjectOf({ protocol, kind, method, name, server }: EndedCall): Attributes {
  const shown = name === undefined ? undefined : plain(name)
  if (protocol === 'llm') {
    const api = MODEL_APIS[method]
    return {
      [ATTRIBUTE.server]: plain(server),
      ...(api ? { [ATTRIBUTE.operation]: api.operation, [ATTRIBUTE.provider]: api.provider } : {}),
      ...(shown === undefined ? {} : { [ATTRIBUTE.model]: shown }),
    }
  }
  return {
    [ATTRIBUTE.server]: plain(server),
    [ATTRIBUTE.method]: plain(method),
    ...(kind === 'tool' && shown !== undefined
      ? { [ATTRIBUTE.operation]: EXECUTE_TOOL, [ATTRIBUTE.tool]: shown }
      : {}),
    ...(kind === 'prompt' && shown !== undefined ? { [ATTRIBUTE.prompt]: shown } : {}),
  }
}

/** Who, under what, and where the record of it stands. */
function evidenceOf(call: EndedCall): Attributes {
  const { who, task, grant, segments, code, stage, logIndex, result } = call
  return {
    [ATTRIBUTE.call]: call.id,
    ...(who ? { [ATTRIBUTE.agentId]: who.agent, [ATTRIBUTE.instance]: who.instance } : {}),
    ...(who && who.above.length > 0 ? { [ATTRIBUTE.delegatedBy]: [...who.above] } : {}),
    ...(task === undefined ? {} : { [ATTRIBUTE.task]: task }),
    ...(grant === undefined ? {} : { [ATTRIBUTE.grant]: grant }),
    ...(segments
      ? { [ATTRIBUTE.agentSegment]: segments.agent, [ATTRIBUTE.serverSegment]: segments.server }
      : {}),
    [ATTRIBUTE.decision]: result === 'denied' ? 'deny' : 'allow',
    ...(code === undefined ? {} : { [ATTRIBUTE.code]: code }),
    ...(stage === undefined ? {} : { [ATTRIBUTE.stage]: stage }),
    ...(logIndex === undefined ? {} : { [ATTRIBUTE.logIndex]: logIndex }),
  }
}

function placeOf(destination: string | undefined): Attributes {
  if (destination === undefined) return { [ATTRIBUTE.transport]: 'pipe' }
  const at = destination.lastIndexOf(':')
  return {
    [ATTRIBUTE.transport]: 'tcp',
    [ATTRIBUTE.serverAddress]: destination.slice(0, at),
    [ATTRIBUTE.serverPort]: Number(destination.slice(at + 1)),
  }
}

function errorOf({ result, code }: EndedCall): string | undefined {
  if (result === 'ok') return undefined
  if (result === 'tool_error') return TOOL_ERROR
  return code ?? OTHER_ERROR
}

const plain = (text: string): string => (PLAIN.test(text) ? text : OTHER_ERROR)
