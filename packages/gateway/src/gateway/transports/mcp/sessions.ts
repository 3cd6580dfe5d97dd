import type { IncomingHttpHeaders } from 'node:http'
import type { Sealer } from '../../../lib/sealed-token.ts'
import type { Era } from '../../../model/action.ts'

/** A legacy MCP session as the client holds it: bound to who opened it, openable by any worker. */
export interface SessionState {
  readonly server: string
  readonly instance: string
  readonly task: string
  /** The upstream's own session id. */
  readonly upstream: string
}

const PURPOSE = 'mcp-session'

/**
 * The session a request names. A modern client has none and its header is ignored (2026-07-28 changelog); which it is, the body says:
 * were it a header, a legacy client could shed its session by sending one.
 */
export const sessionHeader = (headers: IncomingHttpHeaders, era: Era | undefined) =>
  era === 'modern' ? undefined : headers['mcp-session-id']

export const sealSession = (sealer: Sealer, state: SessionState): string =>
  sealer.seal(PURPOSE, JSON.stringify([state.server, state.instance, state.task, state.upstream]))

/** Undefined when the token is not one of ours or was altered. Whose it is must still be compared with the principal. */
export function openSession(sealer: Sealer, token: string): SessionState | undefined {
  const state = sealer.open(PURPOSE, token)
  if (state === undefined) return undefined
  const [server, instance, task, upstream] = JSON.parse(state) as [string, string, string, string]
  return { server, instance, task, upstream }
}
