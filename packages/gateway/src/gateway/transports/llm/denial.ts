import type { ModelApi } from '../../../config/schema.ts'
import type { LogPosition } from '../../../model/evidence.ts'
import type { Reason, ReasonCode } from '../../../model/reasons.ts'
import { nextStep, sentence, status } from '../../../model/reasons.ts'

export interface Denial {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Denials that may be another answer a moment later. An SDK repeats others of their statuses in vain. */
const PASSING: ReadonlySet<ReasonCode> = new Set([
  'RATE_LIMITED',
  'TOO_MANY_OPEN',
  'OVERLOADED',
  'LOCKS_STALE',
  'SHUTTING_DOWN',
  'STORE_UNAVAILABLE',
  'UPSTREAM_UNREACHABLE',
])

/** A denial in the shape that the provider's own SDK raises as an error, with the reason beside it for programs. */
export function denial(api: ModelApi, why: Reason, recorded: LogPosition | undefined): Denial {
  const code = status(why)
  const message = `Ostiary denied this call [${why.code}]. ${sentence(why)} ${nextStep(why)}`
  const reason = {
    verdict: 'deny',
    code: why.code,
    reason: sentence(why),
    next: nextStep(why),
    ...(recorded ? { index: recorded.index, leaf: recorded.leaf } : {}),
  }
  const retry = code === 429 || code === 503 ? { 'retry-after': String(why.details.seconds ?? 1) } : {}
  return {
    status: code,
    headers: {
      'content-type': 'application/json',
      'x-should-retry': String(PASSING.has(why.code)),
      ...retry,
    },
    body: JSON.stringify(shaped(api, code, why.code, message, reason)),
  }
}

function shaped(api: ModelApi, code: number, reasonCode: string, message: string, reason: object): object {
  if (api === 'anthropic-messages')
    return { type: 'error', error: { type: ANTHROPIC_TYPES[code] ?? 'api_error', message, reason } }
  if (api === 'gemini') {
    const details = [
      { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: reasonCode, domain: 'ostiary' },
    ]
    return { error: { code, message, status: GEMINI_STATUSES[code] ?? 'INTERNAL', details, reason } }
  }
  const type = code < 500 ? 'invalid_request_error' : 'server_error'
  return { error: { message, type, param: null, code: reasonCode, reason } }
}

const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  405: 'invalid_request_error',
  413: 'request_too_large',
  415: 'invalid_request_error',
  429: 'rate_limit_error',
  503: 'overloaded_error',
  504: 'timeout_error',
}

const GEMINI_STATUSES: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
}
