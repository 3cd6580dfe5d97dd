const LONGEST = 512
const from = new Uint16Array(LONGEST)
const to = new Uint16Array(LONGEST)
const bytes = Buffer.from(to.buffer)

/** A piece of text with each of its code units replaced: `unitAt` is given them all, how many they are, and a place. */
export function rewrite(
  piece: string,
  unitAt: (units: Uint16Array, count: number, at: number) => number,
): string {
  const count = piece.length
  if (count > LONGEST) throw new RangeError('longer than a segment')
  for (let i = 0; i < count; i++) from[i] = piece.charCodeAt(i)
  for (let i = 0; i < count; i++) to[i] = unitAt(from, count, i)
  return bytes.toString('utf16le', 0, 2 * count)
}
