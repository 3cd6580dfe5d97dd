import { OutboundFailed } from '../../lib/outbound.ts'
import { Refusal } from '../../model/refusal.ts'
import type { StoredEntry } from '../log.ts'

/**
 * Takes entries of the log somewhere else: to a SIEM, a collector, a file.
 * `deliver` MUST resolve only when the other side has taken every entry of the batch, in order, as far as its protocol can tell, and MUST
 * reject otherwise. When it has settled nothing of it may be under way any more, and it MUST settle soon after `signal` aborts. It MAY be
 * given the same entries again (at least once): each message carries the id of {@link eventId}, by which the other side tells repeats.
 * It MUST NOT say more than the entry does, and its errors MUST NOT hold secrets or text of the other side.
 */
export interface Sink {
  deliver(batch: readonly StoredEntry[], signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

/** Entries that were not taken; the message is for people. */
export class SinkFailed extends Error {
  override name = 'SinkFailed'
}

/** The same for an entry whenever and wherever it is sent: name of the log, `#`, index. */
export const eventId = (origin: string, { index }: Pick<StoredEntry, 'index'>): string => `${origin}#${index}`

/** What a person is told of a failure: ours are written for them, of any other only the code is shown. */
export function plainProblem(error: unknown): string {
  if (error instanceof SinkFailed || error instanceof OutboundFailed || error instanceof Refusal)
    return error.message
  const { code, name } = error as NodeJS.ErrnoException
  return `it failed (${code ?? name})`
}
