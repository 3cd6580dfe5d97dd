import { ROTATED } from '../survey/tables.ts'
import type { Decoder } from './decoder.ts'
import { from, read, to, written } from './rewrite.ts'

/** Text in which the letters that are frequent in English are rare, and the other way round. */
export const rot13: Decoder = {
  name: 'rot13',
  suspects: (survey) => survey.isFlagged(ROTATED),
  decode: (survey) => survey.pieces(survey.segments(ROTATED)).map(rotated).join('\n'),
}

function rotated(piece: string): string {
  const count = read(piece)
  for (let i = 0; i < count; i++) {
    const unit = from[i] as number
    const letter = (unit | 32) - 97
    const isLetter = letter >= 0 && letter < 26 && unit < 128
    to[i] = isLetter ? (letter < 13 ? unit + 13 : unit - 13) : unit
  }
  return written(count)
}
