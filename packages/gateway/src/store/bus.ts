/** What changed, for caches on every worker and replica. Payloads are ids only. */
export interface BusEvent {
  readonly topic: 'locks' | 'agent' | 'instance' | 'task' | 'token' | 'registry' | 'config' | 'subject'
  readonly id: string
}

export interface Subscriber {
  /** Applies a change. When this rejects, `alive()` turns false until `onGap` of every subscriber has succeeded. */
  onEvent(event: BusEvent): void | Promise<void>
  /** Events may have been missed: drops what was remembered, or reads all of it again. Tried again when it rejects. */
  onGap(): Promise<void>
}

/** For how long a replica trusts what it knows without hearing from the bus. */
export const LEASE_MS = 1000

/**
 * Carries lock and revocation events to every worker and replica.
 * One {@link LEASE_MS} after `publish` has resolved, every subscriber of every replica MUST have applied the event, or `alive()` MUST be
 * false there. Subscribers in the publisher's own process MUST have applied it when `publish` resolves.
 * After an outage every subscriber MUST have finished `onGap` before `alive()` turns true.
 */
export interface Bus extends AsyncDisposable {
  /** @throws BusUnavailable when other replicas could not be told */
  publish(event: BusEvent): Promise<void>
  /** @returns ends the subscription */
  subscribe(onEvent: Subscriber['onEvent'], onGap: Subscriber['onGap']): () => void
  /** False when this replica cannot know what was revoked: it must admit nothing. */
  alive(): boolean
}

/** A change holds here and in the store, but other replicas could not be told of it. */
export class BusUnavailable extends Error {
  override name = 'BusUnavailable'
}
