import type { Kysely, Transaction } from 'kysely'
import type { Database } from './schema.ts'

export type Tx = Transaction<Database>

/**
 * The truth for what is: identities, registry, tasks, grants, leases, locks, sealed secrets.
 * Implementations MUST make a resolved write durable (SQLite WAL with synchronous=FULL; PostgreSQL with fsync),
 * MUST run `transaction` so that two of them never both win a compare-and-set, and MUST return the types of {@link Database}.
 * They MUST NOT keep a transaction open across network calls of the caller.
 */
export interface Store extends AsyncDisposable {
  readonly dialect: 'sqlite' | 'postgres'
  /** Reads and single-statement writes. */
  readonly db: Kysely<Database>
  /** Serialised read-modify-write; rolls back when `work` throws. Retries busy and serialisation errors itself. */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>
}

/** A row that had to be new exists already. */
export class UniqueViolation extends Error {
  override name = 'UniqueViolation'
}

/** The store cannot be opened or is damaged. The message names the file or address, and the next step. */
export class StoreUnavailable extends Error {
  override name = 'StoreUnavailable'
}
