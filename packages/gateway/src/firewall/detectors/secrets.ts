import { Automaton } from '../automaton.ts'
import type { Detector, Span } from '../detector.ts'
import type { SecretRule } from './secret-rules.ts'
import { SECRET_RULES } from './secret-rules.ts'

const NAME = 'secrets'
const MAX_SPANS = 100
const SHORTEST = 16

const KEYWORDS = SECRET_RULES.flatMap((rule) => rule.keywords.map((keyword) => [keyword, rule] as const))
const automaton = new Automaton(KEYWORDS.map(([keyword]) => keyword))

/** Tokens, keys and passwords by their form. One pass says which rules can match at all; only those are tried. */
export const secrets: Detector = {
  name: NAME,
  reads: 'views',
  extent: 'beginning',
  suspects: (text) => text.length >= SHORTEST,
  inspect(text) {
    const rules = new Set(
      [...automaton.wordsIn(text)].map((number) => (KEYWORDS[number] as (typeof KEYWORDS)[number])[1]),
    )
    const spans: Span[] = []
    const names: string[] = []
    for (const rule of rules) {
      const found = matches(rule, text)
      if (found.length > 0) names.push(rule.name)
      spans.push(...found)
    }
    return names.length === 0
      ? undefined
      : { detector: NAME, what: names.sort().join(', '), severity: 'escalate', spans }
  },
}

function matches({ pattern, isLikely }: SecretRule, text: string): Span[] {
  const spans: Span[] = []
  let tried = 0
  for (const match of text.matchAll(pattern)) {
    if (++tried > MAX_SPANS) break
    const token = match[1] ?? match[0]
    if (isLikely && !isLikely(token)) continue
    const start = match.index + match[0].lastIndexOf(token)
    spans.push({ start, end: start + token.length })
  }
  return spans
}
