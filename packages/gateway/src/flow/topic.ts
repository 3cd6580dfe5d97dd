import { plain } from './canonical.ts'
import type { Provenance } from './provenance.ts'

/** Shorter words, and those that every request has, tell nothing. */
const MIN_WORD = 4
/** More is not a few words, and would be compared with every word of the request. */
const MAX_TOPIC = 300
const COMMON: ReadonlySet<string> = new Set(
  'about after also and been before below between both could does each everything from have here into just like make more most much must need only other over please same shall should since some such sure than that their them then there these they this those through time under until upon very what when where which while will with would your'.split(
    ' ',
  ),
)
const WORDS = /[\p{L}\p{N}]+/gu

/** Words of a text that tell what it is about. */
const telling = (text: string): string[] =>
  (plain(text).match(WORDS) ?? []).filter((word) => word.length >= MIN_WORD && !COMMON.has(word))

/**
 * Whether a short text is about what the person asked for: at least half of its telling words begin like words of the request or are those of
 * a trusted value.
 */
export function isOnTopic(text: string, provenance: Provenance): boolean {
  if (text.length > MAX_TOPIC) return false
  const words = telling(text)
  if (words.length === 0) return true
  const known = words.filter((word) => {
    const stem = word.slice(0, Math.max(MIN_WORD, word.length - 3))
    return provenance.requestWords.some((other) => other.startsWith(stem)) || isTrusted(word, provenance)
  })
  return known.length * 2 >= words.length
}

const isTrusted = (word: string, provenance: Provenance): boolean =>
  provenance.originsOf([`text:${word}`]).some((origin) => origin.isTrusted)
