import { DISGUISED } from '../survey/tables.ts'
import { foldConfusables } from './confusables.ts'
import type { Decoder } from './decoder.ts'
import { decodedNear } from './local.ts'

/**
 * Anything that could disguise: controls, soft hyphen, combining marks, phonetic, Greek, Cyrillic, Armenian, Cherokee and Lisu letters,
 * fillers, zero-width and direction controls, letter-like, enclosed, mathematical and full-width forms.
 */
const CANDIDATE =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u0180-\u03ff\u0400-\u0587\u115f\u1160\u13a0-\u13ff\u17b4\u17b5\u180b-\u180f\u1d00-\u1dbf\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2100-\u2188\u2460-\u24ff\u2800\u3164\ua4d0-\ua7ff\uab30-\uabbf\ufb00-\ufdff\ufe00-\ufe0f\ufeff\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\uffa0\ud835\udb40]|\ud83c[\udd00-\udd89]/

const TERMINAL = /[\u001b\u009b]\[?[0-9;:?<=>]{0,40}[ -/]{0,4}[@-~]?/g
const OVERRIDDEN = /\u202e([^\u202c\n]{1,4000})\u202c?/g
const INVISIBLE = /[\p{Cf}\p{DI}\u2800\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/gu
const COMBINING = /[\u0300-\u036f]+/g

/** What a person reads: terminal and direction controls applied, invisible characters out, look-alike letters folded. */
export const visible: Decoder = {
  name: 'disguised letters',
  suspects: (survey) => survey.isFlagged(DISGUISED),
  decode: (survey) =>
    decodedNear(survey, DISGUISED, (piece) => (CANDIDATE.test(piece) ? shown(piece) : piece)),
}

const shown = (piece: string): string =>
  foldConfusables(
    piece
      .replace(TERMINAL, '')
      .replace(OVERRIDDEN, (_, turned: string) => reverse(turned))
      .replace(INVISIBLE, '')
      .normalize('NFKC')
      .replace(COMBINING, ''),
  )

/** Character by character, in what one override turns. */
function reverse(text: string): string {
  let out = ''
  for (const char of text) out = char + out
  return out
}
