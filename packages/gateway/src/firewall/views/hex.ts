import { HEX } from '../survey/tables.ts'
import type { Decoder } from './decoder.ts'
import { APART } from './local.ts'
import { readable } from './readable.ts'

/** Pairs of digits, with or without a prefix and something between them. */
const RUN = /(?:(?:0x|\\x)?[0-9a-fA-F]{2}[\s:,-]{0,2}){12,}/g
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
      .map((run) => readable(Buffer.from(run.replace(/0x|\\x|[\s:,-]/g, ''), 'hex')))
      .filter((found) => found !== '')
      .join('\n'),
}
