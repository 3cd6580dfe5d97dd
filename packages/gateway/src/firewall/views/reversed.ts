import { BACKWARD } from '../survey/tables.ts'
import type { Decoder } from './decoder.ts'
import { rewrite } from './rewrite.ts'

/** Of characters that take two code units. */
const PAIRED = /[\ud800-\udfff]/

/** Text written from its end. */
export const reversed: Decoder = {
  name: 'reversed',
  suspects: (survey) => survey.isFlagged(BACKWARD),
  decode: (survey) => survey.pieces(survey.segments(BACKWARD)).map(turned).join('\n'),
}

/** The other way round. */
const turned = (piece: string): string =>
  PAIRED.test(piece)
    ? [...piece].reverse().join('')
    : rewrite(piece, (units, count, at) => units[count - 1 - at] as number)
