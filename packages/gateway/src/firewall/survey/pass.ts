import { Codes } from './codes.ts'
import { Forms } from './forms.ts'
import { Survey } from './survey.ts'
import { Words } from './words.ts'

const BLOCK = 8192
const codes = new Codes(BLOCK)

/**
 * One pass over a text, block by block. All that is asked of each character is in tables, so that a text in which there is nothing pays for
 * looking up and no more.
 */
export function surveyOf(text: string): Survey {
  const survey = new Survey(text)
  const words = new Words(survey)
  const forms = new Forms(survey)
  for (let base = 0; base < text.length; base += BLOCK) {
    const count = codes.read(text, base)
    words.read(codes.units, base, count)
    forms.read(codes.units, base, count)
  }
  forms.end()
  return survey
}
