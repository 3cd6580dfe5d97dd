import type { JsonObject } from './json.ts'

/** Who did it: an agent instance, a person at the control plane, or the gateway itself. */
export type LogActor =
  | {
      readonly kind: 'agent'
      readonly agent: string
      readonly instance: string
      /** Present when the request carried no proof by a key of its own: weaker than the rest of the log. */
      readonly binding?: 'mtls' | 'bearer'
      /** Whom it acted for, the next one above first, when the task was handed on. */
      readonly for?: readonly { readonly agent: string; readonly instance: string }[]
    }
  /** `via` is how they signed in; absent for the account that the gateway runs as. */
  | { readonly kind: 'operator'; readonly operator: string; readonly via?: 'link' | 'passkey' | 'oidc' }
  | { readonly kind: 'gateway' }

export type LogType =
  | 'log.opened'
  | 'log.heartbeat'
  | 'gateway.started'
  | 'gateway.stopped'
  | 'config.loaded'
  | 'config.refused'
  | 'agent.added'
  | 'agent.suspended'
  | 'agent.resumed'
  | 'agent.revoked'
  | 'agent.reviewed'
  | 'agent.changed'
  | 'agent.review_due'
  | 'sponsor.left'
  | 'enrolment.issued'
  | 'instance.enrolled'
  | 'instance.revoked'
  | 'key.rotated'
  | 'key.due'
  | 'operator.added'
  | 'operator.changed'
  | 'operator.change_proposed'
  | 'operator.disabled'
  | 'operator.link_issued'
  | 'operator.signed_in'
  | 'operator.passkey_added'
  | 'lock.lift_proposed'
  | 'signing_key.rotated'
  | 'signal.received'
  | 'client.registered'
  | 'token.issued'
  | 'token.refused'
  | 'token.revoked'
  | 'task.opened'
  | 'task.refused'
  | 'task.delegated'
  | 'task.paused'
  | 'task.resumed'
  | 'task.closing'
  | 'task.closed'
  | 'grant.widened'
  | 'flow.endorsed'
  | 'server.added'
  | 'server.changed'
  | 'server.removed'
  | 'tool.proposed'
  | 'tool.changed'
  | 'tool.approved'
  | 'tool.rejected'
  | 'tool.quarantined'
  | 'lock.set'
  | 'lock.lifted'
  | 'secret.sealed'
  | 'secret.rolled_back'
  | 'secret.destroyed'
  | 'lease.opened'
  | 'lease.closed'
  | 'lease.revoke_failed'
  | 'process.started'
  | 'process.ended'
  | 'call.intent'
  | 'call.outcome'
  | 'call.denied'
  | 'content.transformed'
  | 'content.opened'
  | 'audit.queried'
  | 'message.passed'
  | 'message.blocked'
  | 'subject.held'
  | 'subject.released'
  | 'subject.erased'
  | 'retention.applied'
  | 'log.restored'
  | 'mirror.failed'
  | 'mirror.lost'
  | 'mirror.current'

/**
 * What a room tells the log. `data` is written as it is and for ever, so it holds no argument values, no free text, no secrets and nobody's
 * name but of those who account for what agents do; all else goes into `content`.
 */
export interface LogEvent {
  readonly type: LogType
  readonly actor: LogActor
  readonly task?: string
  readonly grant?: string
  /** The call behind it, as traces know it. */
  readonly trace?: LogTrace
  readonly data: JsonObject
  /** Names of those it is about (patients, customers). The log holds their pseudonyms. */
  readonly about?: readonly string[]
  /** Sealed under a key of those it is about, which can be destroyed; the log holds a commitment to it. */
  readonly content?: JsonObject
}

/** W3C Trace Context ids. The span is always the gateway's own; the trace may be the caller's. */
export interface LogTrace {
  /** 32 hexadecimal digits. */
  readonly id: string
  /** 16 hexadecimal digits. */
  readonly span: string
}

/** Where an entry stands in the log. `leaf` is the RFC 6962 leaf hash, standard base64. */
export interface LogPosition {
  readonly index: number
  readonly leaf: string
}

/**
 * The way rooms write to the log.
 * MUST resolve only when the entry is durable. MUST reject with {@link AuditUnavailable} when it is not, and then no entry
 * that was acknowledged is lost. Callers MUST NOT let an effect happen before it resolves.
 */
export interface Recorder {
  append(event: LogEvent): Promise<LogPosition>
}

export class AuditUnavailable extends Error {
  override name = 'AuditUnavailable'
}
