import { addMember, mapValue, removeMember, replaceValue } from '../../../lib/json-splice.ts'
import type { JsonObject } from '../../../model/json.ts'
import { isObject } from '../../../model/json.ts'
import type { Member } from '../../../trace/w3c.ts'
import { parseBaggage, parseTraceparent, parseTracestate } from '../../../trace/w3c.ts'
import type { Message } from './message.ts'

/** Keys that a server may be shown of what travels with a trace. None by default. */
export interface Shown {
  readonly baggage: readonly string[]
  readonly tracestate: readonly string[]
}

/**
 * The message as its server gets it: the gateway's own span stands where the client's was (SEP-414), and of `tracestate` and `baggage` only
 * what this server may see is left. Everything that was there has been inspected; every other byte stays.
 * @param traceparent goes into requests only: notifications and replies belong to one
 */
export function withTraceMeta(text: string, message: Message, traceparent: string, shown: Shown): string {
  const holder = message.type === 'response' ? message.result : message.params
  if (!isObject(holder)) return text
  const within = message.type === 'response' ? 'result' : 'params'
  const own = message.type === 'request' ? JSON.stringify(traceparent) : undefined
  const meta = holder._meta
  if (isObject(meta)) return mapValue(text, [within, '_meta'], (json) => spliced(json, meta, own, shown))
  if (own === undefined || '_meta' in holder) return text
  return addMember(text, [within], '_meta', `{"traceparent":${own}}`)
}

function spliced(json: string, meta: JsonObject, own: string | undefined, shown: Shown): string {
  // Without a parent it could not be told whose state it is (Trace Context section 3.3).
  const hasParent = parseTraceparent(meta.traceparent) !== undefined
  const kept = {
    traceparent: own,
    tracestate: hasParent ? allowed(parseTracestate(meta.tracestate), shown.tracestate) : undefined,
    baggage: allowed(parseBaggage(meta.baggage), shown.baggage),
  }
  let text = json
  for (const [key, value] of Object.entries(kept)) {
    if (!(key in meta)) {
      if (value !== undefined) text = addMember(text, [], key, value)
    } else text = value === undefined ? removeMember(text, key) : replaceValue(text, [key], value)
  }
  return text
}

function allowed(members: readonly Member[] | undefined, keys: readonly string[]): string | undefined {
  const kept = (members ?? []).filter(({ key }) => keys.includes(key))
  return kept.length === 0 ? undefined : JSON.stringify(kept.map(({ text }) => text).join(','))
}
