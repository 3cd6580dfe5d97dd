import type { Era } from '../../../model/action.ts'
import type { LogPosition } from '../../../model/evidence.ts'
import type { Reason, ReasonCode } from '../../../model/reasons.ts'
import { nextStep, sentence, status } from '../../../model/reasons.ts'
import type { Id } from './message.ts'
import { META } from './methods.ts'

/** What the client asked, as far as it could be read. */
export interface Asked {
  readonly id: Id | undefined
  readonly method: string | undefined
  readonly era: Era
}

export interface DenialAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** JSON-RPC codes of the specification where it has one; otherwise the HTTP status, which lies outside every reserved range. */
const RPC_CODES: Partial<Record<ReasonCode, number>> = {
  METHOD_UNKNOWN: -32601,
  MESSAGE_INVALID: -32600,
  BATCH_REFUSED: -32600,
  PROTOCOL_VERSION_UNSUPPORTED: -32022,
  HEADER_MISMATCH: -32020,
  PARAMS_INVALID: -32602,
}

/** Statuses the HTTP layer itself speaks in; every other denial is an answer on the JSON-RPC level. */
const HTTP_STATUSES: ReadonlySet<number> = new Set([400, 401, 405, 406, 408, 413, 415, 503])
const HTTP_CODES: ReadonlySet<ReasonCode> = new Set([
  'SESSION_UNKNOWN',
  'ORIGIN_REFUSED',
  'HOST_REFUSED',
  'PATH_UNKNOWN',
  'RATE_LIMITED',
])

/**
 * The answer for a denied request. A denied tools/call is a tool result with `isError`, so that the model can tell the person what
 * happened and go on; anything else is a JSON-RPC error. Both carry the reason code, a sentence and the next step.
 */
export function denialAnswer(why: Reason, asked: Asked, recorded: LogPosition | undefined): DenialAnswer {
  const decision = {
    verdict: 'deny',
    code: why.code,
    reason: sentence(why),
    next: nextStep(why),
    ...(why.code === 'PROTOCOL_VERSION_UNSUPPORTED'
      ? { supported: String(why.details.supported).split(', '), requested: why.details.version }
      : {}),
    ...(recorded ? { index: recorded.index, leaf: recorded.leaf } : {}),
  }
  const retry =
    status(why) === 429 || status(why) === 503 ? { 'retry-after': String(why.details.seconds ?? 1) } : {}
  if (asked.method === 'tools/call' && asked.id !== undefined && isForTheModel(why)) {
    const text = `Ostiary denied this call [${why.code}]. ${decision.reason} ${decision.next}`
    return answer(200, retry, {
      jsonrpc: '2.0',
      id: asked.id,
      result: {
        ...(asked.era === 'modern' ? { resultType: 'complete' } : {}),
        content: [{ type: 'text', text }],
        isError: true,
        _meta: { [META.decision]: decision },
      },
    })
  }
  const code = why.code.startsWith('JSON_') ? -32700 : (RPC_CODES[why.code] ?? status(why))
  return answer(httpStatus(why, asked.era), retry, {
    jsonrpc: '2.0',
    ...(asked.id === undefined ? {} : { id: asked.id }),
    error: { code, message: `${decision.reason} ${decision.next}`, data: decision },
  })
}

const isForTheModel = (why: Reason): boolean => {
  const { code } = why
  return (httpStatus(why, 'legacy') === 200 && code !== 'METHOD_UNKNOWN') || code === 'TOOL_ARGUMENTS_INVALID'
}

function httpStatus(why: Reason, era: Era): number {
  if (why.code === 'METHOD_UNKNOWN') return era === 'modern' ? 404 : 200
  if (HTTP_CODES.has(why.code)) return status(why)
  return HTTP_STATUSES.has(status(why)) && why.code !== 'TOOL_UNVERIFIED' ? status(why) : 200
}

const answer = (code: number, headers: Record<string, string>, body: object): DenialAnswer => ({
  status: code,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
})
