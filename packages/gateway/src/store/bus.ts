/** What changed, for caches on every worker and replica. Payloads are ids only. */
export interface BusEvent {
  readonly topic: 'locks' | 'agent' | 'instance' | 'task' | 'token' | 'registry' | 'config'
  readonly id: string
}

/**
 * Carries lock and revocation events to every worker and replica.
 * `publish` MUST reach every live subscriber of every replica or make `alive()` false there within the lease (1 s).
 * After an outage a subscriber MUST get `onGap` before `alive()` turns true, so that it re-reads everything first.
 */
export interface Bus extends AsyncDisposable {
  publish(event: BusEvent): Promise<void>
  subscribe(onEvent: (event: BusEvent) => void, onGap: () => Promise<void>): () => void
  /** False when this replica cannot know what was revoked: it must admit nothing. */
  alive(): boolean
}
