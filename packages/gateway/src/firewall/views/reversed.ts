import { BACKWARD, BACKWARD_PAIRS, FORWARD_PAIRS } from '../survey/tables.ts'
import type { Decoder } from './decoder.ts'
import { rewrite } from './rewrite.ts'

const FORWARD = new RegExp(FORWARD_PAIRS.join('|'), 'gi')
const TURNED = new RegExp(BACKWARD_PAIRS.join('|'), 'gi')

/** Of characters that take two code units. */
const PAIRED = /[\ud800-\udfff]/

/** Text written from its end. */
export const reversed: Decoder = {
  name: 'reversed',
  suspects: (survey) => survey.isFlagged(BACKWARD),
  decode: (survey) => survey.pieces(survey.segments(BACKWARD)).filter(isBackward).map(turned).join('\n'),
}

const isBackward = (piece: string): boolean => {
  const backward = piece.match(TURNED)?.length ?? 0
  return backward > 1 && backward > (piece.match(FORWARD)?.length ?? 0)
}

const turned = (piece: string): string =>
  PAIRED.test(piece)
    ? [...piece].reverse().join('')
    : rewrite(piece, (units, at) => units[units.length - 1 - at] as number)
