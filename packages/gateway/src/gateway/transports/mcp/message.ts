import type { Era } from '../../../model/action.ts'
import type { Json, JsonObject } from '../../../model/json.ts'
import { isObject } from '../../../model/json.ts'
import { refuse } from '../../../model/refusal.ts'
import { CLIENT_METHODS, META } from './methods.ts'

export type Id = string | number

/** One JSON-RPC 2.0 message, told apart by its members. */
export type Message =
  | {
      readonly type: 'request'
      readonly id: Id
      readonly method: string
      readonly params: JsonObject | undefined
    }
  | { readonly type: 'notification'; readonly method: string; readonly params: JsonObject | undefined }
  | {
      readonly type: 'response'
      readonly id: Id | undefined
      readonly result: Json | undefined
      readonly error: Json | undefined
    }

/**
 * Reads one message. Unknown members are left alone: they are forwarded as they came.
 * @throws Refusal BATCH_REFUSED or MESSAGE_INVALID
 */
export function readMessage(value: Json): Message {
  if (Array.isArray(value)) refuse('BATCH_REFUSED')
  if (!isObject(value)) refuse('MESSAGE_INVALID', { detail: 'it is not an object' })
  if (value.jsonrpc !== '2.0') refuse('MESSAGE_INVALID', { detail: '`jsonrpc` must be "2.0"' })
  const { id, method, params } = value
  if (params !== undefined && !isObject(params)) {
    refuse('MESSAGE_INVALID', { detail: '`params` must be an object' })
  }
  const object = params as JsonObject | undefined
  if (method !== undefined) {
    if (typeof method !== 'string' || method.length === 0 || method.length > 100) {
      refuse('MESSAGE_INVALID', { detail: '`method` must be a string of 1 to 100 characters' })
    }
    if ('result' in value || 'error' in value) {
      refuse('MESSAGE_INVALID', { detail: 'it is both a request and a response' })
    }
    if (id === undefined) return { type: 'notification', method, params: object }
    return { type: 'request', id: readId(id), method, params: object }
  }
  if ('result' in value === 'error' in value) {
    refuse('MESSAGE_INVALID', { detail: 'it needs a `method`, a `result` or an `error`' })
  }
  // Servers in the field answer unparsable requests with `"id":null`; it can match no request.
  return {
    type: 'response',
    id: id === null || id === undefined ? undefined : readId(id),
    result: value.result,
    error: value.error,
  }
}

function readId(id: Json): Id {
  if (typeof id === 'string' && id.length <= 200) return id
  if (typeof id === 'number' && Number.isInteger(id)) return id
  return refuse('MESSAGE_INVALID', {
    detail: '`id` must be an integer or a string of at most 200 characters',
  })
}

/**
 * The era a client's message belongs to: the body decides, not the headers.
 * Replies are legacy; what carries the `_meta` envelope is modern, even `initialize`, which is then a method that does not exist.
 */
export function eraOf(message: Message): Era {
  if (message.type === 'response') return 'legacy'
  const meta = message.params?._meta
  if (isObject(meta) && META.version in meta) return 'modern'
  const row = CLIENT_METHODS.get(message.method)
  return row && row.eras.length === 1 && row.eras[0] === 'modern' ? 'modern' : 'legacy'
}
