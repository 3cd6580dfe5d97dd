/**
 * Names in Cedar's preparse cache. The cache is per thread and has no remove, only overwrite, so names are given back and used again:
 * it never holds more than the most that were in use at once.
 */
const free: string[] = []
let made = 0

export const takeSlot = (): string => free.pop() ?? `ostiary:${made++}`

export function giveSlot(slot: string): void {
  free.push(slot)
}
