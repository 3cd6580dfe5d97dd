import { LEET } from '../survey/tables.ts'
import type { Decoder } from './decoder.ts'
import { rewrite } from './rewrite.ts'

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
  decode: (survey) =>
    survey
      .pieces(survey.segments(LEET))
      .map((piece) => rewrite(piece, meant))
      .join('\n'),
}

/** A sign stands for a letter beside another. After a word, an exclamation mark is one. */
function meant(units: Uint16Array, count: number, at: number): number {
  const unit = units[at] as number
  const letter = LETTER[unit] as number
  if (letter === 0) return unit
  const isBefore = at + 1 < count && IN_WORD[units[at + 1] as number] === 1
  const isAfter = at > 0 && IN_WORD[units[at - 1] as number] === 1 && unit !== EXCLAMATION
  return isBefore || isAfter ? letter : unit
}
