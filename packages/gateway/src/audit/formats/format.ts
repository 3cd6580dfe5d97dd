import type { StoredEntry } from '../log.ts'

/**
 * How an entry is written for others. Both forms MUST be one line in which no text of an entry can begin a second line, a second field or
 * a second event, and MUST NOT say more than the entry does. `brief` MUST fit into {@link BRIEF_OCTETS}, whatever the entry holds.
 */
export interface Format {
  /** Media type of one event. */
  readonly mediaType: 'application/json' | 'text/plain'
  encode(stored: StoredEntry): string
  /** What happened, by whom and where to read the rest. */
  brief(stored: StoredEntry): string
}

export const BRIEF_OCTETS = 1600

/** What a format has to know of this gateway. */
export interface Source {
  /** Name of the log. */
  readonly origin: string
  /** Version of the gateway. */
  readonly version: string
}
