import type { Span } from '../detector.ts'
import { replaceSpans } from './spans.ts'

/** Nothing is left but that something was there. `what` names it where its span does not. */
export const redact = (text: string, spans: readonly Span[], what: string): string =>
  replaceSpans(text, spans, (_found, kind = what) => `[${kind} removed]`)

/** Letters and digits become `*`, save the last ones, by which a person recognises a value that is long enough. */
export const mask = (text: string, spans: readonly Span[], keep = 4): string =>
  replaceSpans(text, spans, (found) => {
    const shown = found.length >= 3 * keep ? keep : 0
    return (
      found.slice(0, found.length - shown).replace(/[\p{L}\p{N}]/gu, '*') + found.slice(found.length - shown)
    )
  })

/** The same value gets the same token; `tokenOf` MUST NOT let the value be told from it. */
export const tokenise = (
  text: string,
  spans: readonly Span[],
  tokenOf: (value: string, kind: string | undefined) => string,
): string => replaceSpans(text, spans, tokenOf)

/** Marks stretches as data for the model. The mark MUST be one the author cannot know; where it stands in the text it is taken out. */
export const spotlight = (text: string, spans: readonly Span[], mark: string): string =>
  replaceSpans(text, spans, (found) => `<data-${mark}>${without(found, mark)}</data-${mark}>`)

/** Taking one out can put another together. */
function without(text: string, mark: string): string {
  let out = text
  while (out.includes(mark)) out = out.replaceAll(mark, '')
  return out
}
