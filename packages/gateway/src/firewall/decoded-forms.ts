import type { Allowance } from './allowance.ts'
import { viewsOf } from './views.ts'

/** Decoders that read any text, so that what they give is mostly nonsense that looks like something. */
const GUESSES: ReadonlySet<string> = new Set(['rot13', 'leet', 'reversed', 'letter-spaced'])

export interface DecodedForm {
  readonly text: string
  readonly isGuess: boolean
}

/** What else can be read in a text: base64, hexadecimal and the like, one in another. Bounded by the allowance. */
export const decodedForms = (text: string, allowance: Allowance): DecodedForm[] =>
  viewsOf(text, allowance)
    .views.slice(1)
    .map(({ survey, via }) => ({ text: survey.text, isGuess: via.some((name) => GUESSES.has(name)) }))
