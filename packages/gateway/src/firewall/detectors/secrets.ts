import type { Detector, Span } from '../detector.ts'
import { among, CLASS, isAlphanumeric } from '../survey/classes.ts'
import { groupOf } from '../survey/vocabulary.ts'
import type { SecretRule } from './secret-rules.ts'
import { SECRET_RULES } from './secret-rules.ts'

const NAME = 'secrets'
const MAX_SPANS = 100
const SHORTEST = 16
/** Between a keyword and the token that it announces; what has no space in it is looked at further, up to the longest token. */
const BETWEEN = 40
const LONGEST = 8192
const LONGEST_BLOCK = 16_384

const GROUPS = SECRET_RULES.map((rule) => [groupOf(rule.keywords), rule] as const)
/** How far before its keyword a token begins. */
const BEFORE = 64

/** Tokens, keys and passwords by their form. A rule looks only where its keyword is. */
export const secrets: Detector = {
  name: NAME,
  reads: 'views',
  isPass: false,
  suspects: (survey) => survey.text.length >= SHORTEST && GROUPS.some(([group]) => survey.met(group)),
  inspect(survey) {
    const spans: Span[] = []
    const names: string[] = []
    for (const [group, rule] of GROUPS) {
      if (!survey.met(group)) continue
      const before = spans.length
      let last = 0
      for (const { start, end } of survey.aroundTokens(group, BEFORE, BETWEEN, LONGEST)) {
        if (spans.length - before >= MAX_SPANS) break
        for (const span of matches(rule, survey.text.slice(start, end), start)) {
          if (span.start < last) continue
          last = wholeEnd(rule, survey.text, span.end)
          spans.push({ start: span.start, end: last, kind: rule.name })
        }
      }
      if (spans.length > before) names.push(rule.name)
    }
    return names.length === 0
      ? undefined
      : { detector: NAME, what: names.sort().join(', '), severity: 'escalate', spans }
  },
}

/** An expression matches what it needs to tell a secret; the secret may go on behind it. */
function wholeEnd({ rest }: SecretRule, text: string, end: number): number {
  if (rest !== undefined) {
    rest.lastIndex = end
    return end + (rest.exec(text)?.[0].length ?? Math.min(text.length - end, LONGEST_BLOCK))
  }
  let at = end
  while (at < text.length && at - end < LONGEST && isOfToken(text.charCodeAt(at))) at++
  return at
}

const isOfToken = (code: number): boolean =>
  isAlphanumeric(CLASS[code] as number) || isTokenSign(CLASS[code] as number)
const isTokenSign = among('_-+/=')

function* matches({ pattern, isLikely }: SecretRule, text: string, at: number): Iterable<Span> {
  for (const match of text.matchAll(pattern)) {
    const token = match[1] ?? match[0]
    if (isLikely && !isLikely(token)) continue
    const start = at + match.index + match[0].lastIndexOf(token)
    yield { start, end: start + token.length }
  }
}
