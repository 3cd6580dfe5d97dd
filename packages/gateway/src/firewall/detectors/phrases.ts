import type { Span } from '../detector.ts'
import { CLASS, isBlank } from '../survey/classes.ts'
import { join } from '../survey/stretches.ts'
import type { Survey } from '../survey/survey.ts'
import { groupOf } from '../survey/vocabulary.ts'
import { INJECTION_RULES } from './injection-rules.ts'

/** What a rule matches is within so many characters before and after the word of its first list, blanks in a row counted as one. */
const BEFORE = 120
const AFTER = 450

const RULES = INJECTION_RULES.map(({ name, words, pattern }) => ({
  name,
  pattern,
  groups: words.map(groupOf),
}))

/** Names of the rules that match. A rule whose words are not there is not tried; those whose words are are tried around them. */
export function phrasesIn(survey: Survey): string[] {
  const rules = RULES.filter(({ groups }) => groups.every((group) => survey.met(group)))
  if (rules.length === 0) return []
  const pieces = piecesOf(
    survey,
    rules.map(({ groups }) => groups[0] as number),
  )
  return rules.filter(({ pattern }) => pieces.some((piece) => pattern.test(piece))).map(({ name }) => name)
}

/** The surroundings of all words at once, in lower case with single blanks. */
function piecesOf(survey: Survey, groups: readonly number[]): string[] {
  const { text } = survey
  const marks = groups.flatMap((group) => survey.around(group, 0, 0)).sort((a, b) => a.start - b.start)
  const clusters: Span[] = []
  for (const { start, end } of marks) join(clusters, start, end + AFTER, text.length + AFTER)
  const pieces: Span[] = []
  for (const { start, end } of clusters)
    join(pieces, walk(text, start, BEFORE, -1), walk(text, end - AFTER, AFTER, 1), text.length)
  return pieces.map(({ start, end }) => {
    survey.handed += end - start
    const plain = text
      .slice(start, end)
      .toLowerCase()
      .replace(/[^\S\n]+/g, ' ')
    // The beginning of a piece is not that of the text.
    return start === 0 ? plain : `.${plain}`
  })
}

/** Where so many characters from `from` lead. */
function walk(text: string, from: number, count: number, step: 1 | -1): number {
  let at = from
  let wasBlank = false
  for (let left = count; left > 0 && at >= 0 && at < text.length; at += step) {
    const isBlankHere = isBlank(CLASS[text.charCodeAt(at)] as number)
    if (!(isBlankHere && wasBlank)) left--
    wasBlank = isBlankHere
  }
  return at
}
