import { HEX } from '../survey/tables.ts'
import type { Decoder } from './decoder.ts'
import { APART } from './local.ts'
import { readable } from './readable.ts'

/** Digits, with or without a prefix and something between them. */
const RUN = /(?:(?:0x|\\x)?[0-9a-fA-F][\s:,-]{0,2}){24,}/g
/** A run begins less than this before it is noticed. */
const AROUND = 100

export const hex: Decoder = {
  name: 'hexadecimal',
  suspects: (survey) => survey.isFlagged(HEX),
  decode: (survey) =>
    (
      survey
        .pieces(survey.stretches(HEX, AROUND, AROUND))
        .join(APART)
        .match(RUN) ?? []
    )
      .flatMap(bothWays)
      .filter((found) => found !== '')
      .join('\n'),
}

/** What is before the first pair can end with a digit too, so pairs may begin with the first or the second one. */
function bothWays(run: string): string[] {
  const digits = run.replace(/0x|\\x|[\s:,-]/g, '')
  return [digits, digits.slice(1)].map((pairs) => readable(Buffer.from(pairs, 'hex')))
}
