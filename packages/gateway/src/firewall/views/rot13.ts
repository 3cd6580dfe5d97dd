import type { Decoder } from './decoder.ts'
import { changeSegments } from './segments.ts'

/** How much more frequent a letter is in English than the one 13 places on, in tenths of a natural logarithm: a to m; n to z is the reverse. */
const LEAD = [2, -16, 4, 38, 8, -10, -15, 8, 19, -28, 16, 7, 35]
const MEANT = 3

/** Text in which the letters that are frequent in English are rare, and the other way round. */
export const rot13: Decoder = {
  name: 'rot13',
  suspects: (text) => text.length >= 12,
  decode: (text) => changeSegments(text, isRotated, rotate),
}

function isRotated(piece: string): boolean {
  let letters = 0
  let lead = 0
  for (let i = 0; i < piece.length; i++) {
    const at = (piece.charCodeAt(i) | 32) - 97
    if (at < 0 || at > 25) continue
    letters++
    lead += at < 13 ? (LEAD[at] as number) : -(LEAD[at - 13] as number)
  }
  return letters >= 10 && lead < -MEANT * letters
}

const rotate = (piece: string): string =>
  piece.replace(/[A-Za-z]/g, (char) => {
    const code = char.charCodeAt(0)
    return String.fromCharCode((code & 31) <= 13 ? code + 13 : code - 13)
  })
