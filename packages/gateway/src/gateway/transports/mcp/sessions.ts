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
const MAX_OPENED = 1000

/**
 * The session a request names. A modern client has none and its header is ignored (2026-07-28 changelog); which it is, the body says:
 * were it a header, a legacy client could shed its session by sending one.
 */
export const sessionHeader = (headers: IncomingHttpHeaders, era: Era | undefined) =>
  era === 'modern' ? undefined : headers['mcp-session-id']

/** Sealed session ids. Those seen lately are remembered, because every call of a session brings its id. */
export class Sessions {
  readonly #sealer: Sealer
  readonly #opened = new Map<string, SessionState>()

  constructor(sealer: Sealer) {
    this.#sealer = sealer
  }

  seal({ server, instance, task, upstream }: SessionState): string {
    return this.#sealer.seal(PURPOSE, JSON.stringify([server, instance, task, upstream]))
  }

  /** Undefined when the token is not one of ours or was altered. Whose it is must still be compared with the principal. */
  open(token: string): SessionState | undefined {
    const known = this.#opened.get(token)
    if (known) return known
    const state = this.#sealer.open(PURPOSE, token)
    if (state === undefined) return undefined
    const [server, instance, task, upstream] = JSON.parse(state) as [string, string, string, string]
    const session = { server, instance, task, upstream }
    if (this.#opened.size >= MAX_OPENED) this.#opened.delete(this.#opened.keys().next().value as string)
    this.#opened.set(token, session)
    return session
  }
}
