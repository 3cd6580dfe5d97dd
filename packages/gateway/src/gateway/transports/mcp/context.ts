import type { FirewallRule } from '../../../config/firewall-schema.ts'
import type { Scanner } from '../../../firewall/scanner.ts'
import type { TaskMarks } from '../../../firewall/task-marks.ts'
import type { Original } from '../../../firewall/treat.ts'
import type { Sealer } from '../../../lib/sealed-token.ts'
import type { LogPosition } from '../../../model/evidence.ts'
import type { Reason } from '../../../model/reasons.ts'
import type { Sampler } from '../../../trace/call-trace.ts'
import type { Authority } from '../../authority.ts'
import type { Exchange, MaybePromise } from '../../exchange.ts'
import type { InFlight } from '../../in-flight.ts'
import type { Pipeline } from '../../pipeline.ts'
import type { Server, Servers } from '../../servers.ts'
import type { Outcome } from './answer.ts'

export interface Limits {
  readonly body: number
  readonly bodyTimeoutMs: number
  readonly inFlight: number
}

/** What was not delivered. None of it is vouched for. */
export interface Blocked {
  readonly method: string
  readonly name?: string
}

/** Everything the MCP transport is built with. */
export interface McpContext {
  readonly issuer: string
  /** Origin of the log, as receipts name it. */
  readonly logOrigin: string
  readonly authority: Authority
  readonly pipeline: Pipeline
  readonly servers: Servers
  readonly scanner: Scanner
  readonly sealer: Sealer
  /** What the operator wants done with what is found. */
  rules(): readonly FirewallRule[]
  /** Results are kept, sealed, in the log. */
  keepsResults(): boolean
  marks(txn: string): TaskMarks
  readonly inFlight: InFlight
  /** Which traces are recorded here; undefined when none are. */
  readonly sampler: Sampler | undefined
  readonly denials: Denials
  /** Resolves once the gateway has met the server by itself; at once when it has. @throws Refusal TOOL_UNVERIFIED */
  introduced(server: Server): MaybePromise<void>
  limits(): Limits
  timeoutMs(server: Server): number
  reverifyMs(server: Server): number
  /** Records how an admitted exchange ended and settles its budget. */
  outcome(exchange: Exchange, outcome: Outcome): void
  /** Records what rules took out of a message. Only when it resolves may the message be delivered. */
  transformed(exchange: Exchange, originals: readonly Original[]): Promise<void>
  /** Records a message of an upstream that was not delivered. */
  blocked(exchange: Exchange, why: Reason, what: Blocked): void
  challengeFor(why: Reason, path: string): Readonly<Record<string, string>>
  onBug(error: unknown): void
}

export interface Denials {
  /** A decided exchange; resolves with its place in the log, or undefined when the log did not take it. */
  record(exchange: Exchange, why: Reason, stage: string | undefined): Promise<LogPosition | undefined>
  /** A request that could not even be read: counted, and recorded within a limit. */
  unread(why: Reason, server: string): void
}
