import type { MayAsk } from '../../../config/schema.ts'
import type { Handling } from '../../../firewall/handling.ts'
import type { Found, Scanner } from '../../../firewall/scanner.ts'
import type { TaskMarks } from '../../../firewall/task-marks.ts'
import type { Original } from '../../../firewall/treat.ts'
import { addMember, mapStrings } from '../../../lib/json-splice.ts'
import { parseReceived } from '../../../lib/strict-json.ts'
import type { LogPosition } from '../../../model/evidence.ts'
import type { Json } from '../../../model/json.ts'
import { isObject } from '../../../model/json.ts'
import type { Reason } from '../../../model/reasons.ts'
import { REASONS, reason } from '../../../model/reasons.ts'
import { Refusal, refuse } from '../../../model/refusal.ts'
import type { Id, Message } from './message.ts'
import { readMessage } from './message.ts'
import { META, SERVER_NOTIFICATIONS, SERVER_REQUESTS } from './methods.ts'
import { treatedMessage } from './treated.ts'

/** What becomes of one message from a server. */
export type Inbound =
  | { readonly kind: 'pass'; readonly text: string; readonly message: Message; readonly treated?: Treated }
  /** Not delivered. `answer` is sent to the server when it asked for something. */
  | { readonly kind: 'drop'; readonly reason: Reason; readonly method: string; readonly answer?: string }
  /** The answer to the client's own request cannot be delivered. */
  | { readonly kind: 'refuse'; readonly reason: Reason }

/** What a rule of the operator changed in a message. None of it is delivered. */
export interface Treated {
  /** The message as it would have been delivered otherwise. */
  readonly message: Message
  readonly originals: readonly Original[]
}

export interface InboundRules {
  readonly server: string
  /** Id of the open request; undefined on a stream that carries none. */
  readonly requestId: Id | undefined
  readonly mayAsk: readonly MayAsk[]
  readonly scanner: Scanner
  /** What the operator wants done with what is found in this message. */
  readonly handling?: (message: Message) => Handling | undefined
  readonly marks?: TaskMarks
  /** Told of everything found, whatever becomes of the message. */
  readonly onFindings?: (findings: readonly Found[]) => void
}

/**
 * Stage 16: every message from a server, whether result, error, notification or request, is parsed strictly, matched with what was
 * asked, and scanned. What passes is the text as received, save for hidden characters taken out and what the operator's rules change.
 */
export function inspectInbound(text: string, rules: InboundRules): Inbound {
  let value: Json
  let message: Message
  try {
    value = parseReceived(text)
    message = readMessage(value)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return broken(rules, 'it sent a message that is malformed')
  }
  if (message.type === 'response') {
    if (message.id === undefined ? message.error === undefined : message.id !== rules.requestId) {
      return {
        kind: 'drop',
        reason: reason('UPSTREAM_PROTOCOL', {
          server: rules.server,
          detail: 'it answered a request that was not asked',
        }),
        method: 'response',
      }
    }
    if (isForged(message)) return broken(rules, 'it forged a mark of this gateway')
    const refused = refusedInputRequests(message.result, rules)
    if (refused) return { kind: 'refuse', reason: refused }
  } else {
    const refused = refusedFromServer(message, rules)
    if (refused) return refused
  }
  const handling = rules.handling?.(message)
  const scanned = rules.scanner.scan(value, 'in', { handling })
  rules.onFindings?.(scanned.findings)
  if (scanned.decision.verdict.kind === 'deny')
    return undelivered(message, scanned.decision.reasons[0] as Reason)
  try {
    const clean = scanned.clean ? reread(mapStrings(text, scanned.clean)) : { text, message }
    if (!handling || !rules.marks) return { kind: 'pass', ...clean }
    const { text: treated, originals } = treatedMessage(clean.text, {
      ...rules,
      handling,
      marks: rules.marks,
      toTreat: scanned.clean ? undefined : (scanned.toTreat ?? NOTHING),
    })
    if (treated === clean.text) return { kind: 'pass', ...clean }
    return { kind: 'pass', ...reread(treated), treated: { message: clean.message, originals } }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    if (error.reason.code === 'CONTENT_BLOCKED') return undelivered(message, error.reason)
    return broken(rules, 'without what was taken out of it, two of its keys are the same')
  }
}

function undelivered(message: Message, why: Reason): Inbound {
  if (message.type === 'response') return { kind: 'refuse', reason: why }
  return { kind: 'drop', reason: why, method: message.method, ...refusalOf(message, why) }
}

const reread = (text: string): { text: string; message: Message } => ({
  text,
  message: readMessage(parseReceived(text)),
})

const NOTHING: ReadonlySet<string> = new Set()

const broken = (rules: InboundRules, detail: string): Inbound => ({
  kind: 'refuse',
  reason: reason('UPSTREAM_PROTOCOL', { server: rules.server, detail }),
})

function refusedFromServer(
  message: Message & { type: 'request' | 'notification' },
  rules: InboundRules,
): Inbound | undefined {
  const { method } = message
  const allowed =
    message.type === 'notification'
      ? SERVER_NOTIFICATIONS.has(method)
      : method === 'ping' || (SERVER_REQUESTS.has(method) && rules.mayAsk.includes(method as MayAsk))
  if (allowed) return undefined
  const why = reason('REQUEST_TO_CLIENT_REFUSED', { server: rules.server, method: method.slice(0, 100) })
  return { kind: 'drop', reason: why, method, ...refusalOf(message, why) }
}

/** A server that asked for something gets an answer, so that it does not wait. */
const refusalOf = (message: Message, _why: Reason): { answer?: string } =>
  message.type === 'request'
    ? {
        answer: JSON.stringify({
          jsonrpc: '2.0',
          id: message.id,
          error: { code: -32601, message: 'Refused by the gateway' },
        }),
      }
    : {}

/** Modern servers ask through `input_required`; each request in it obeys `may_ask` too. */
function refusedInputRequests(result: Json | undefined, rules: InboundRules): Reason | undefined {
  const requests = isObject(result) ? result.inputRequests : undefined
  if (!isObject(requests)) return undefined
  for (const request of Object.values(requests)) {
    const method = isObject(request) ? request.method : undefined
    if (typeof method !== 'string' || !rules.mayAsk.includes(method as MayAsk)) {
      return reason('REQUEST_TO_CLIENT_REFUSED', {
        server: rules.server,
        method: String(method).slice(0, 100),
      })
    }
  }
  return undefined
}

/** What only the gateway says: its members of `_meta`, and the form of its denials. */
function isForged({ result, error }: Message & { type: 'response' }): boolean {
  const meta = isObject(result) ? result._meta : undefined
  if (isObject(meta) && Object.keys(meta).some((key) => key.startsWith('io.ostiary/'))) return true
  const data = isObject(error) ? error.data : undefined
  return (
    isObject(data) && 'verdict' in data && typeof data.code === 'string' && Object.hasOwn(REASONS, data.code)
  )
}

/** Adds the receipt to a result, leaving every other byte as the server sent it. */
export function withReceipt(text: string, message: Message, origin: string, intent: LogPosition): string {
  if (message.type !== 'response' || !isObject(message.result)) return text
  const receipt = JSON.stringify({ log: origin, index: intent.index, leaf: intent.leaf })
  if (isObject(message.result._meta)) {
    return addMember(text, ['result', '_meta'], META.receipt, receipt)
  }
  if ('_meta' in message.result) refuse('UPSTREAM_PROTOCOL', { detail: 'its `_meta` is not an object' })
  return addMember(text, ['result'], '_meta', `{${JSON.stringify(META.receipt)}:${receipt}}`)
}
