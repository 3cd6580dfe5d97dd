import type { Scanner } from '../../../firewall/scanner.ts'
import { LONG_NUMBER } from '../../../firewall/scanner.ts'
import type { Original, Treating } from '../../../firewall/treat.ts'
import { allowanceFor } from '../../../firewall/treat.ts'
import { mapNumbers, mapStrings } from '../../../lib/json-splice.ts'
import { refuse } from '../../../model/refusal.ts'
import type { Id } from './message.ts'

interface Treatable extends Pick<Treating, 'handling' | 'marks'> {
  readonly scanner: Scanner
  /** By which the client knows the answer: its own word, so it stays. */
  readonly requestId: Id | undefined
  /** Strings in which the scan has found something; undefined when the text is not the one that it has read. */
  readonly toTreat: ReadonlySet<string> | undefined
}

/** Bounds the work that a server can make with one message. */
const MAX_ORIGINALS = 50_000

/**
 * A message as the operator's rules want it, with escapes in its strings decoded and every other byte as it was. A number in which something
 * was found becomes a string. @throws Refusal CONTENT_BLOCKED
 */
export function treatedMessage(
  text: string,
  { scanner, requestId, toTreat, handling, marks }: Treatable,
): { text: string; originals: readonly Original[] } {
  const originals: Original[] = []
  const how: Treating = {
    handling,
    marks,
    allowance: allowanceFor(text),
    onOriginal(original) {
      if (originals.length >= MAX_ORIGINALS)
        refuse('CONTENT_BLOCKED', {
          detector: original.detector,
          what: 'more than is taken out of a message',
        })
      originals.push(original)
    },
  }
  const treat = (value: string): string => scanner.treat(value, how)
  // The scan reads numbers as this program rounds them; other readers do not.
  const numbers = mapNumbers(text, (written) => {
    const value = Math.abs(Number(written))
    if (value < LONG_NUMBER || written === String(requestId)) return undefined
    for (const form of new Set([written.replace('-', ''), String(value)])) {
      const treated = treat(form)
      if (treated !== form) return JSON.stringify(treated)
    }
    return undefined
  })
  const strings = mapStrings(numbers, (value) =>
    value === requestId || toTreat?.has(value) === false ? value : treat(value),
  )
  return { text: strings, originals }
}
