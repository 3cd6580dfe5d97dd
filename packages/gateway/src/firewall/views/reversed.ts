import { BACKWARD } from '../survey/tables.ts'
import type { Decoder } from './decoder.ts'
import { from, read, to, written } from './rewrite.ts'

/** Of characters that take two code units. */
const PAIRED = /[\ud800-\udfff]/

/** Text written from its end. */
export const reversed: Decoder = {
  name: 'reversed',
  suspects: (survey) => survey.isFlagged(BACKWARD),
  decode: (survey) => survey.pieces(survey.segments(BACKWARD)).map(turned).join('\n'),
}

/** The other way round. */
function turned(piece: string): string {
  if (PAIRED.test(piece)) return [...piece].reverse().join('')
  const count = read(piece)
  for (let i = 0; i < count; i++) to[i] = from[count - 1 - i] as number
  return written(count)
}
