import type { LogFolder } from '../log-folder.ts'

/** Index of the first entry that is not older than `ts`. Entries are in order of time but for steps of the clock. */
export async function firstSince(folder: LogFolder, size: number, ts: number): Promise<number> {
  let low = 0
  let high = size
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const [stored] = await folder.entries(middle, middle + 1)
    if ((stored?.entry.ts ?? 0) < ts) low = middle + 1
    else high = middle
  }
  return low
}

/**
 * The months that are over, as ranges of the log without a gap between them.
 * @param month `2026-10`, only this one
 */
export async function closedMonths(
  folder: LogFolder,
  now: number,
  month?: string,
): Promise<{ readonly month: string; readonly from: number; readonly to: number }[]> {
  const { size } = await folder.checkpoint()
  if (size === 0) return []
  const [first] = await folder.entries(0, 1)
  const found: { month: string; from: number; to: number }[] = []
  const start = new Date(first?.entry.ts ?? 0)
  let at = Date.UTC(start.getUTCFullYear(), start.getUTCMonth(), 1)
  let from = 0
  for (;;) {
    const date = new Date(at)
    const next = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1)
    if (next > now) return found
    const to = await firstSince(folder, size, next)
    const name = date.toISOString().slice(0, 7)
    if (to > from && (month === undefined || month === name)) found.push({ month: name, from, to })
    from = to
    at = next
  }
}
