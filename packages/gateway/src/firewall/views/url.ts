import { groupOf, URL_ENCODED } from '../survey/vocabulary.ts'
import type { Decoder } from './decoder.ts'
import { decodedAround } from './local.ts'

const ENCODED = groupOf(URL_ENCODED)
/** One plus sign may be a sum; words between two are a query. */
const MEANT = /%[0-9a-fA-F]{2}|\w\+\w{1,40}\+\w/

/** Percent signs with two digits, and plus signs between words. */
export const url: Decoder = {
  name: 'URL encoding',
  suspects: (survey) => survey.met(ENCODED),
  decode: (survey) => decodedAround(survey, ENCODED, (piece) => (MEANT.test(piece) ? decoded(piece) : piece)),
}

const decoded = (piece: string): string =>
  piece.replace(/(?<=\w)\+(?=\w)/g, ' ').replace(/(?:%[0-9a-fA-F]{2})+/g, (run) =>
    // Most are one character of ASCII.
    run.length === 3 && run < '%8'
      ? String.fromCharCode(Number.parseInt(run.slice(1), 16))
      : Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'),
  )
