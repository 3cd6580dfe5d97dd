import { Codes } from '../survey/codes.ts'

/** Pieces are segments; none is longer. */
const LONGEST = 512
const codes = new Codes(LONGEST)
/** The code units of the piece that was read last, and those it is written anew with. */
export const from = codes.units
export const to = new Uint16Array(LONGEST)
const bytes = Buffer.from(to.buffer)

/** @returns how many code units the piece has, all of which are in {@link from} now */
export function read(piece: string): number {
  if (piece.length > LONGEST) throw new RangeError('longer than a segment')
  return codes.read(piece, 0)
}

/** The text of the first code units of {@link to}. */
export const written = (count: number): string => bytes.toString('utf16le', 0, 2 * count)
