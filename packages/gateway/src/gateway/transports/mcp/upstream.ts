import type { Injection } from '../../../credentials/injection.ts'
import type { SseEvent } from '../../../lib/sse.ts'
import type { Era } from '../../../model/action.ts'
import type { LogTrace } from '../../../model/evidence.ts'
import type { Id } from './message.ts'

/** One HTTP-shaped exchange with an MCP server, whatever its transport. */
export interface UpstreamRequest {
  readonly method: 'POST' | 'GET' | 'DELETE'
  /** Exact text to send; undefined for GET and DELETE. */
  readonly body: string | undefined
  /** Id of the JSON-RPC request in `body`; undefined for notifications, replies, GET and DELETE. */
  readonly id: Id | undefined
  readonly era: Era
  /** True for `initialize`, which opens a session. */
  readonly opens: boolean
  /** The upstream's own session id (legacy). */
  readonly session: string | undefined
  /** Protocol headers to pass on: MCP-Protocol-Version, Mcp-*, Last-Event-ID, Accept, Accept-Language; and `traceparent`, the gateway's own. */
  readonly headers: Readonly<Record<string, string>>
  readonly injection: Injection
  /** Task on whose behalf; a stdio child belongs to one task. */
  readonly task: string
  /** The call behind it; undefined for what the gateway asks on its own account. */
  readonly trace?: LogTrace
}

/** How the answer began. */
export interface UpstreamHead {
  readonly status: number
  readonly kind: 'json' | 'sse' | 'empty'
  /** Session id the upstream assigned (answer to `initialize`). */
  readonly session: string | undefined
}

/**
 * Receives the answer. Calls come in the order head, then any number of `json` (at most one, whole) or `event`, then exactly one `end`.
 * `end` with an error means that the answer broke off.
 */
export interface UpstreamSink {
  head(head: UpstreamHead): void
  json(text: string): void
  /** Returns false when the client is slow: the upstream pauses until `resume`. */
  event(event: SseEvent): boolean
  end(error?: UpstreamFailure): void
}

export type UpstreamFailure =
  | { readonly code: 'UPSTREAM_UNREACHABLE'; readonly detail: string }
  | { readonly code: 'UPSTREAM_TIMEOUT' }
  | { readonly code: 'UPSTREAM_PROTOCOL'; readonly detail: string }
  | { readonly code: 'CANCELLED' }

export interface UpstreamCall {
  resume(): void
}

/**
 * An MCP server as the gateway reaches it.
 * `send` MUST report through the sink only, MUST stop all work for the request when `signal` aborts and then call `end` once,
 * and MUST NOT follow redirects. Errors MUST NOT hold injected secrets.
 */
export interface Upstream extends AsyncDisposable {
  send(request: UpstreamRequest, sink: UpstreamSink, signal: AbortSignal): UpstreamCall
  /** Ends what runs on behalf of one task, or everything: child processes of a stdio server, nothing for HTTP. */
  stop(task?: string): void
}
