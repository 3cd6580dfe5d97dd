import { SPACED } from '../survey/tables.ts'
import type { Decoder } from './decoder.ts'
import { APART } from './local.ts'

const RUN = /(?<![A-Za-z0-9])(?:[A-Za-z0-9][ ._*-]{1,3}){6,}[A-Za-z0-9](?![A-Za-z0-9])/g
/** A run begins less than this before it is noticed. */
const AROUND = 40

/** One letter at a time. Words are apart by more than letters are, or run together. */
export const spaced: Decoder = {
  name: 'letter-spaced',
  suspects: (survey) => survey.isFlagged(SPACED),
  decode: (survey) =>
    (
      survey
        .pieces(survey.stretches(SPACED, AROUND, AROUND))
        .join(APART)
        .match(RUN) ?? []
    )
      .map((run) =>
        run
          .replace(/[ ._*-]{2,3}/g, '\n')
          .replace(/[ ._*-]/g, '')
          .replaceAll('\n', ' '),
      )
      .join('\n'),
}
