import { LEET } from '../survey/tables.ts'
import type { Decoder } from './decoder.ts'
import { from, read, to, written } from './rewrite.ts'

const LETTER = new Uint8Array(65_536)
for (const [sign, letter] of Object.entries({
  0: 'o',
  1: 'i',
  3: 'e',
  4: 'a',
  5: 's',
  7: 't',
  '@': 'a',
  $: 's',
  '!': 'i',
}))
  LETTER[sign.charCodeAt(0)] = letter.charCodeAt(0)
const EXCLAMATION = '!'.charCodeAt(0)

const IN_WORD = new Uint8Array(65_536)
for (let unit = 0; unit < 128; unit++) IN_WORD[unit] = Number(/\w/.test(String.fromCharCode(unit)))

/** Digits and signs for letters. */
export const leet: Decoder = {
  name: 'leet',
  suspects: (survey) => survey.isFlagged(LEET),
  decode: (survey) => survey.pieces(survey.segments(LEET)).map(meant).join('\n'),
}

/** A sign stands for a letter beside another. After a word, an exclamation mark is one. */
function meant(piece: string): string {
  const count = read(piece)
  for (let i = 0; i < count; i++) {
    const unit = from[i] as number
    const letter = LETTER[unit] as number
    const isBefore = i + 1 < count && IN_WORD[from[i + 1] as number] === 1
    const isAfter = i > 0 && IN_WORD[from[i - 1] as number] === 1 && unit !== EXCLAMATION
    to[i] = letter !== 0 && (isBefore || isAfter) ? letter : unit
  }
  return written(count)
}
