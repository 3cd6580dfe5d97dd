import type { Detector } from '../detector.ts'
import { HIDDEN } from '../survey/tables.ts'

const NAME = 'hidden-text'

/** Anything that could hide: tags, variation selectors, zero-width and bidi controls, fillers. All outside Latin-1 but the soft hyphen. */
const CANDIDATE =
  /[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\u{1bca0}-\u{1bca3}\u{e0000}-\u{e0fff}]/u

/** Tag characters spell out ASCII that nobody sees; their one proper use is in three flags, after U+1F3F4 and ended by U+E007F. */
const FLAG = /\u{1f3f4}[\u{e0030}-\u{e0039}\u{e0061}-\u{e007a}]{1,6}\u{e007f}/gu
const TAGS = /[\u{e0000}-\u{e007f}]/u
const SUPPLEMENTARY_SELECTORS = /[\u{e0100}-\u{e01ef}]{2,}/u
const SELECTOR_RUN = /[\ufe00-\ufe0f]{3,}/u
const BIDI = /[\u202a-\u202e\u2066-\u2069]/u
/** Joiners shape Indic, Persian and emoji text one at a time; runs of invisible characters carry a message. */
const INVISIBLE_RUN =
  /[\u200b-\u200f\u2060-\u2064\u206a-\u206f\ufeff\u180e\u00ad\u034f\u115f\u1160\u3164\uffa0]{6,}/u
const SCATTERED = /[\u200b\u2060-\u2064\ufeff\u180e]/gu
const SCATTERED_LIMIT = 20

/** Text that a model reads and a person does not see. */
export const hiddenText: Detector = {
  name: NAME,
  reads: 'text',
  isPass: true,
  suspects: (survey) => (survey.has & HIDDEN) !== 0 && CANDIDATE.test(survey.whole()),
  inspect(survey) {
    const text = survey.whole()
    const plain = text.includes('\ud83c\udff4') ? text.replace(FLAG, '') : text
    const found = (what: string, pattern: RegExp) => ({
      detector: NAME,
      what,
      severity: 'refuse' as const,
      cleaned: clean(text, pattern),
    })
    if (TAGS.test(plain)) return found('Unicode tag characters', /[\u{e0000}-\u{e007f}]/gu)
    if (SUPPLEMENTARY_SELECTORS.test(plain))
      return found('variation selectors in a row', /[\u{e0100}-\u{e01ef}]/gu)
    if (SELECTOR_RUN.test(plain)) return found('variation selectors in a row', /[\ufe00-\ufe0f]/gu)
    if (BIDI.test(plain) && unbalanced(plain)) {
      return found('unbalanced text-direction controls', /[\u202a-\u202e\u2066-\u2069]/gu)
    }
    if (INVISIBLE_RUN.test(plain) || (plain.match(SCATTERED)?.length ?? 0) > SCATTERED_LIMIT) {
      return found(
        'many invisible characters',
        /[\u200b\u200e\u200f\u2060-\u2064\u206a-\u206f\ufeff\u180e\u00ad\u034f\u115f\u1160\u3164\uffa0]|\u200c{2,}|\u200d{2,}|[\u200c\u200d]{3,}/gu,
      )
    }
    return undefined
  },
}

/** Whole flags stay; what only looks like the beginning of one goes. */
function clean(text: string, pattern: RegExp): string {
  const flags = text.match(FLAG) ?? []
  const parts = text.split(FLAG).map((part) => part.replace(pattern, ''))
  return parts.map((part, i) => part + (flags[i] ?? '')).join('')
}

/** Overrides always disguise; embeddings and isolates must be closed in the text that opened them. */
function unbalanced(text: string): boolean {
  let open = 0
  for (const char of text) {
    if (char === '\u202d' || char === '\u202e') return true
    if (char === '\u202a' || char === '\u202b' || char === '\u2066' || char === '\u2067' || char === '\u2068')
      open++
    else if (char === '\u202c' || char === '\u2069') open--
    if (open < 0) return true
  }
  return open !== 0
}
