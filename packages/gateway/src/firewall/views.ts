import type { Allowance } from './allowance.ts'
import { surveyOf } from './survey/pass.ts'
import type { Survey } from './survey/survey.ts'
import { base64 } from './views/base64.ts'
import type { Decoder } from './views/decoder.ts'
import { entities, escapes } from './views/escapes.ts'
import { hex } from './views/hex.ts'
import { leet } from './views/leet.ts'
import { reversed } from './views/reversed.ts'
import { rot13 } from './views/rot13.ts'
import { selectors } from './views/selectors.ts'
import { spaced } from './views/spaced.ts'
import { tags } from './views/tags.ts'
import { url } from './views/url.ts'
import { visible } from './views/visible.ts'

/** Those that undo a form by its rules. */
const EXACT: readonly Decoder[] = [tags, selectors, base64, hex, entities, escapes, url, visible, spaced]
/** Those that guess from letters: what is guessed takes nothing from the allowance that an exact form could need. */
const GUESSING: readonly Decoder[] = [rot13, leet, reversed]
const ALL = [...EXACT, ...GUESSING]

const DEPTH = 2
const SHORTEST = 8

/** A text as it is or as it reads once decoded. */
export interface View {
  /** The text, and what is in it. */
  readonly survey: Survey
  /** Names of the decoders, outermost first; empty for the text as it is. */
  readonly via: readonly string[]
}

export interface Views {
  readonly views: readonly View[]
  /** False when there was more to decode than is looked into; such text is not to be called clean. */
  readonly isWhole: boolean
}

const AS_IT_CAME: readonly string[] = []

/** Every form of a text that a model could read in it. Linear in the text: views are bounded in depth, and in what they hold together. */
export function viewsOf(text: string, allowance: Allowance): Views {
  const plain = { survey: surveyOf(text), via: AS_IT_CAME }
  if (text.length < SHORTEST || plain.survey.isPlain) return { views: [plain], isWhole: true }
  const views: View[] = [plain]
  let isWhole = true
  // Grows while it is walked: views of views, until the depth is reached.
  const read = (decodersOf: (at: number) => readonly Decoder[]): void => {
    for (let at = 0; at < views.length; at++) {
      const { survey, via } = views[at] as View
      if (via.length === DEPTH) continue
      for (const decoder of decodersOf(at)) {
        const decoded = decodedBy(decoder, survey, allowance)
        if (decoded === undefined) isWhole = false
        if (decoded === undefined || decoded.length < SHORTEST || isThere(views, decoded)) continue
        if (allowance.takeDecoded(decoded.length))
          views.push({ survey: surveyOf(decoded), via: [...via, decoder.name] })
        else isWhole = false
      }
    }
  }
  read(() => EXACT)
  const exact = views.length
  read((at) => (at < exact ? GUESSING : ALL))
  return { views, isWhole }
}

/** Undefined when it may not be looked at. */
function decodedBy(decoder: Decoder, survey: Survey, allowance: Allowance): string | undefined {
  const before = survey.handed
  if (!decoder.suspects(survey)) {
    allowance.spend(survey.handed - before)
    return ''
  }
  if (!allowance.mayDecode) return undefined
  const decoded = decoder.decode(survey)
  allowance.spend(survey.handed - before)
  return decoded
}

const isThere = (views: readonly View[], text: string): boolean =>
  views.some(({ survey }) => survey.text === text)
