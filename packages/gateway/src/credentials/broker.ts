import type { ServerConfig } from '../config/schema.ts'

/** What is put into a request or a child process on behalf of a task; never shown to the agent. */
export interface Injection {
  readonly headers: Readonly<Record<string, string>>
  readonly env: Readonly<Record<string, string>>
}

/**
 * Mints credentials for one server under a lease.
 * `mint` MUST yield only what this lease may use and MUST NOT put a secret into an error, a log or a name.
 * `revoke` MUST be safe to repeat, and MUST reject when the credential may still be good.
 */
export interface Broker {
  readonly name: string
  mint(server: string, config: ServerConfig): Promise<Minted>
  revoke(lease: string): Promise<void>
}

export interface Minted {
  readonly injection: Injection
  /** Secret values in it by name, so that they can be recognised when they leak. */
  readonly secrets: ReadonlyMap<string, string>
  /** Epoch milliseconds; undefined when the credential does not expire by itself. */
  readonly expiresAt: number | undefined
}
