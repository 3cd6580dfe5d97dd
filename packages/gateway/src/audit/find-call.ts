import type { AuditLog, StoredEntry } from './log.ts'

/** A call is over long before; what comes later is not found this way. */
const WINDOW_MS = 15 * 60_000
const MAX_SCAN = 100_000
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

/**
 * The entries about one call: its id tells when it was made, and entries are in order of time. Reads about twenty entries to find the
 * place, then those of the minutes after it until its outcome.
 */
export async function findCall(
  log: Pick<AuditLog, 'size' | 'read' | 'entries'>,
  call: string,
): Promise<readonly StoredEntry[]> {
  const madeAt = timeOf(call)
  if (madeAt === undefined) return []
  const found: StoredEntry[] = []
  // Clocks step and entries wait their turn, so the search begins a little earlier.
  const from = await firstSince(log, madeAt - 5000)
  for await (const stored of log.entries(from, Math.min(log.size, from + MAX_SCAN))) {
    const { data, type, ts } = stored.entry
    if (data.call === call) found.push(stored)
    if (
      ts > madeAt + WINDOW_MS ||
      (data.call === call && (type === 'call.outcome' || type === 'call.denied'))
    )
      break
  }
  return found
}

/** Milliseconds that an id of ours begins with. */
function timeOf(id: string): number | undefined {
  const digits = /^cal_([0-9a-hjkmnp-tv-z]{10})/.exec(id)?.[1]
  return digits === undefined
    ? undefined
    : [...digits].reduce((sum, char) => sum * 32 + ALPHABET.indexOf(char), 0)
}

async function firstSince(log: Pick<AuditLog, 'size' | 'read'>, ts: number): Promise<number> {
  let low = 0
  let high = log.size
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if ((await log.read(middle)).entry.ts < ts) low = middle + 1
    else high = middle
  }
  return low
}
