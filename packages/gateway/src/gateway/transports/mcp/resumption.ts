import type { IncomingHttpHeaders } from 'node:http'
import type { Sealer } from '../../../lib/sealed-token.ts'
import type { ActionKind } from '../../../model/action.ts'
import type { Id, Message } from './message.ts'
import type { MethodRow } from './methods.ts'
import { CLIENT_METHODS } from './methods.ts'
import type { UpstreamRequest } from './upstream.ts'

/** The request of a client to which a message may be the answer. */
export interface About {
  readonly id: Id | undefined
  readonly method: string
  readonly kind: ActionKind
  readonly row: MethodRow | undefined
}

const PURPOSE = 'mcp-event'

/**
 * The id of an event as the client sees it: the upstream's own, the upstream session, and the request whose stream it belongs to. So a
 * client that lost its connection can come back to any worker, and what is replayed is inspected as the answer to that request.
 */
export const sealEvent = (sealer: Sealer, session: string, about: About, event: string): string =>
  sealer.seal(PURPOSE, JSON.stringify([session, event, about.id, about.method]))

/** What a `Last-Event-ID` of one of our streams means; undefined for one of the upstream's own, which is passed on as it is. */
export function openEvent(
  sealer: Sealer,
  headers: IncomingHttpHeaders,
  session: string | undefined,
): { readonly event: string; readonly about: About } | undefined {
  const token = headers['last-event-id']
  const state = typeof token === 'string' ? sealer.open(PURPOSE, token) : undefined
  if (state === undefined) return undefined
  const [of, event, id, method] = JSON.parse(state) as [string, string, Id, string]
  // Of another session: what is left of the token means nothing to this one.
  if (of !== session) return undefined
  const row = CLIENT_METHODS.get(method)
  return { event, about: { id, method, kind: row?.kind ?? 'control', row } }
}

/** Asks for the rest of the stream of `request` after an event. */
export const resumption = (request: UpstreamRequest, lastEventId: string): UpstreamRequest => ({
  ...request,
  method: 'GET',
  body: undefined,
  headers: { ...request.headers, accept: 'text/event-stream', 'last-event-id': lastEventId },
})

/** What a request asks, as its answer has to know it. */
export const aboutOf = (
  message: Message,
  method: string,
  kind: ActionKind,
  row: MethodRow | undefined,
): About => ({
  id: message.type === 'request' ? message.id : undefined,
  method,
  kind,
  row,
})
