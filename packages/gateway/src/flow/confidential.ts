import type { CanonicalKey } from './canonical.ts'
import { keysOf, plain, unmarked } from './canonical.ts'
import { lookupKeys } from './derive.ts'
import { entitiesIn, says } from './entities.ts'
import type { Origin } from './origin.ts'
import type { Leaf } from './paths.ts'
import type { Provenance } from './provenance.ts'

/** Longest confidential scalar, in words, that is looked for inside a text; longer ones are found by their runs of words. */
const MAX_WORDS = 5
/** Letters of a value that is written apart: `4 4 7 1`. */
const MAX_SPACED = 20
/** Shorter values are in texts by chance. */
const MIN_LENGTH = 5
const WORDS = /[\p{L}\p{N}\p{M}]+/gu

/** Somebody who gets what goes out, by every spelling of their name or address. */
export type Recipient = readonly CanonicalKey[]

/** Of all texts of a call together: looking takes about a microsecond for each, and everybody waits meanwhile. */
const MAX_CHARS = 131_072
/** More of them in one text are one finding: the text. */
const MAX_IN_TEXT = 5

/** Confidential values in what is about to go out, other than to their readers or because the person said them. */
export function leaks(
  leaves: readonly Leaf[],
  recipients: readonly Recipient[],
  provenance: Provenance,
): { path: string; value: string }[] {
  if (!provenance.canLeak) return []
  let left = MAX_CHARS
  return leaves.flatMap(({ path, value }) => {
    if (typeof value !== 'string' && typeof value !== 'number') return []
    const whole = String(value)
    if (left < 0) return []
    left -= whole.length
    // What is not looked through is not let out.
    if (left < 0) return [{ path, value: whole }]
    const found = new Map<string, string>()
    for (const { text, origins } of confidentialIn(whole, provenance)) {
      const isFor = origins.every((origin) => mayRead(origin, recipients))
      if (!isFor && !says(provenance.requestText, text)) found.set(plain(text), text)
      if (found.size > MAX_IN_TEXT) return [{ path, value: whole }]
    }
    // What stands inside something longer is told with it.
    const isInside = (key: string) => [...found.keys()].some((other) => other !== key && other.includes(key))
    return [...found].flatMap(([key, text]) => (isInside(key) ? [] : [{ path, value: text }]))
  })
}

function* confidentialIn(
  text: string,
  provenance: Provenance,
): Iterable<{ text: string; origins: readonly Origin[] }> {
  const seen = (candidate: string, keys: readonly string[]) => {
    const origins = provenance.confidentialOriginsOf(keys)
    return origins.length > 0 ? [{ text: candidate, origins }] : []
  }
  yield* seen(text, lookupKeys(text))
  for (const entity of entitiesIn(text)) if (entity.kind !== 'date') yield* seen(entity.text, entity.keys)
  const shown = plain(text)
  const words = [...shown.matchAll(WORDS)]
  const bare = words.map(([word]) => unmarked(word))
  for (let at = 0; at < words.length; at++) {
    const start = words[at]?.index as number
    let joined = ''
    for (let n = 1; at + n <= words.length && (n <= MAX_WORDS || joined.length < MAX_SPACED); n++) {
      const last = words[at + n - 1] as RegExpExecArray
      joined += bare[at + n - 1]
      if (joined.length < MIN_LENGTH) continue
      const candidate = shown.slice(start, last.index + last[0].length)
      yield* seen(candidate, [`joined:${joined}`, `text:${candidate}`])
    }
  }
  const copied = provenance.copiedFrom(text)
  if (copied.length > 0) yield { text, origins: [...copied] }
}

function mayRead({ readers }: Origin, recipients: readonly Recipient[]): boolean {
  if (recipients.length === 0) return false
  return recipients.every((recipient) =>
    readers.some((reader) =>
      reader.startsWith('@')
        ? recipient.some((key) => key.startsWith('email:') && key.endsWith(plain(reader)))
        : keysOf(reader).some((key) => recipient.includes(key)),
    ),
  )
}
