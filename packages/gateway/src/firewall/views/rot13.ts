import { ROTATED } from '../survey/tables.ts'
import type { Decoder } from './decoder.ts'
import { rewrite } from './rewrite.ts'

/** Text in which the letters that are frequent in English are rare, and the other way round. */
export const rot13: Decoder = {
  name: 'rot13',
  suspects: (survey) => survey.isFlagged(ROTATED),
  decode: (survey) =>
    survey
      .pieces(survey.segments(ROTATED))
      .map((piece) => rewrite(piece, rotated))
      .join('\n'),
}

function rotated(units: Uint16Array, _: number, at: number): number {
  const unit = units[at] as number
  const letter = (unit | 32) - 97
  if (letter < 0 || letter > 25 || unit > 127) return unit
  return letter < 13 ? unit + 13 : unit - 13
}
