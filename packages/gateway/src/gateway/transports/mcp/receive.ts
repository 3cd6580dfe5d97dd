import { hash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { parseStrict } from '../../../lib/strict-json.ts'
import type { Action, Era } from '../../../model/action.ts'
import type { JsonObject } from '../../../model/json.ts'
import { isObject } from '../../../model/json.ts'
import type { Reason } from '../../../model/reasons.ts'
import { refuse } from '../../../model/refusal.ts'
import { checkModernHeaders } from './headers.ts'
import type { Message } from './message.ts'
import { eraOf, readMessage } from './message.ts'
import type { MethodRow } from './methods.ts'
import { CLIENT_METHODS, LEGACY_VERSIONS, MODERN_VERSIONS } from './methods.ts'

/** One POST, read: what was said, in which era, and what it amounts to. */
export interface Received {
  readonly text: string
  readonly message: Message
  /** Members that JSON-RPC does not have. They are forwarded, so they are inspected too. */
  readonly extra: JsonObject
  readonly era: Era
  /** Undefined when the method is not one that is forwarded in this era. */
  readonly row: MethodRow | undefined
  readonly action: Action
  /** What is wrong with the modern headers or envelope. */
  readonly mismatch: Reason | undefined
}

/** JSON-RPC 2.0 sections 4 and 5. */
const MEMBERS: ReadonlySet<string> = new Set(['jsonrpc', 'id', 'method', 'params', 'result', 'error'])

/** RFC 9530 digest of a body, as a DPoP proof's `content_digest` must state it. */
export const contentDigest = (body: Uint8Array): string => `sha-256=:${hash('sha256', body, 'base64')}:`

/**
 * Stage 1: bytes to Action.
 * @throws Refusal for what no reader should interpret: bad JSON, batches, unknown versions, wrong content type
 */
export function receive(body: Buffer, headers: IncomingHttpHeaders, server: string): Received {
  const type = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase()
  if (type !== 'application/json') refuse('CONTENT_TYPE_REFUSED')
  const { value, text } = parseStrict(body)
  const message = readMessage(value)
  const era = eraOf(message)
  if (era === 'legacy') checkLegacyVersion(headers)
  const method = message.type === 'response' ? 'response' : message.method
  const known = CLIENT_METHODS.get(method)
  const row = known?.eras.includes(era) && fits(known, message) ? known : undefined
  const params = message.type === 'response' ? undefined : message.params
  const target = row?.target === undefined ? undefined : params?.[row.target]
  if (row?.target !== undefined && (typeof target !== 'string' || target.length > 4096)) {
    refuse('MESSAGE_INVALID', { detail: `\`params.${row.target}\` must be a string` })
  }
  const args = params?.arguments
  if (row?.kind === 'tool' && args !== undefined && !isObject(args)) {
    refuse('MESSAGE_INVALID', { detail: '`params.arguments` must be an object' })
  }
  return {
    text,
    message,
    extra: Object.fromEntries(Object.entries(value as JsonObject).filter(([name]) => !MEMBERS.has(name))),
    era,
    row,
    mismatch: era === 'modern' ? checkModernHeaders(headers, message) : undefined,
    action: {
      protocol: 'mcp',
      era,
      server,
      method: method.slice(0, 100),
      kind: message.type === 'response' ? 'reply' : (row?.kind ?? 'control'),
      name: typeof target === 'string' ? target : undefined,
      args: isObject(args) ? args : undefined,
      params,
      contentDigest: contentDigest(body),
      bytes: body.length,
    },
  }
}

const fits = (row: MethodRow, message: Message): boolean =>
  message.type === (row.notification ? 'notification' : 'request')

/** A GET or DELETE of a legacy session, as an action. */
export function bodiless(method: 'GET' | 'DELETE', server: string): Action {
  return {
    protocol: 'mcp',
    era: 'legacy',
    server,
    method,
    kind: method === 'GET' ? 'subscribe' : 'session',
    name: undefined,
    args: undefined,
    params: undefined,
    contentDigest: '',
    bytes: 0,
  }
}

/** The oldest released version, 2024-11-05, is answered by servers over the same transport. */
function checkLegacyVersion(headers: IncomingHttpHeaders): void {
  const version = headers['mcp-protocol-version']
  if (version === undefined || version === '2024-11-05') return
  if (typeof version === 'string' && LEGACY_VERSIONS.includes(version)) return
  refuse('PROTOCOL_VERSION_UNSUPPORTED', {
    version: String(version).slice(0, 40),
    supported: [...MODERN_VERSIONS, ...LEGACY_VERSIONS].join(', '),
  })
}
