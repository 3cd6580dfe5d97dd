import { INJECTION_RULES } from '../detectors/injection-rules.ts'
import { SECRET_RULES } from '../detectors/secret-rules.ts'

/** What addresses begin with. */
export const ADDRESSES: readonly string[] = ['http://', 'https://']
export const AT_SIGN: readonly string[] = ['@']

const DIGITS_OF_HEX = [...'0123456789abcdef']
/** What URL encoding, escapes and references of characters begin with. */
export const URL_ENCODED: readonly string[] = ['+', ...DIGITS_OF_HEX.map((digit) => `%${digit}`)]
export const BACKSLASHES: readonly string[] = ['\\u', '\\x']
export const REFERENCES: readonly string[] = [
  '&#',
  ...[...'abcdefghijklmnopqrstuvwxyz'].map((letter) => `&${letter}`),
]

/** What markup and definitions of tools are written with. */
export const TOOL_WORDS: readonly string[] = [
  ...['tool', 'function', 'invoke', 'available_tools'].flatMap((word) => [`<${word}`, `</${word}`]),
  'inputschema',
  'input_schema',
]

/** Groups of words that the pass looks for; one file of a detector names what it cannot do without. */
export const VOCABULARY: readonly (readonly string[])[] = [
  ADDRESSES,
  AT_SIGN,
  URL_ENCODED,
  BACKSLASHES,
  REFERENCES,
  TOOL_WORDS,
  ...SECRET_RULES.map(({ keywords }) => keywords),
  ...INJECTION_RULES.flatMap(({ words }) => words),
]

const NUMBERS = new Map(VOCABULARY.map((words, number) => [words, number]))

export const groupOf = (words: readonly string[]): number => {
  const number = NUMBERS.get(words)
  if (number === undefined) throw new Error('the pass does not look for these words')
  return number
}

/** Not words, but marked by the pass too: runs of digits, and two capitals before two digits. */
export const NUMBER = VOCABULARY.length
export const ACCOUNT = NUMBER + 1
