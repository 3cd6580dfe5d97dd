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

const DECODERS: readonly Decoder[] = [
  visible,
  tags,
  selectors,
  entities,
  escapes,
  url,
  base64,
  hex,
  rot13,
  leet,
  reversed,
  spaced,
]

const DEPTH = 2
/** What decoding may add to a text: twice its length, and this. */
export const EXPANSION = 65_536
const SHORTEST = 8

/** A text as it is or as it reads once decoded. */
export interface View {
  readonly text: string
  /** Names of the decoders, outermost first; empty for the text as it is. */
  readonly via: readonly string[]
}

export interface Views {
  readonly views: readonly View[]
  /** False when there was more to decode than is looked into; such text is not to be called clean. */
  readonly isWhole: boolean
  /** Characters that decoders read: what this cost. */
  readonly steps: number
}

/** Every form of a text that a model could read in it. Linear in the text: views are bounded in number, depth and length. */
export function viewsOf(text: string): Views {
  const views: View[] = [{ text, via: [] }]
  if (text.length < SHORTEST) return { views, isWhole: true, steps: 0 }
  const seen = new Set([text])
  let left = 2 * text.length + EXPANSION
  let isWhole = true
  let steps = 0
  // Grows while it is walked: views of views, until the depth is reached.
  for (const { text: from, via } of views) {
    if (via.length === DEPTH) break
    for (const decoder of DECODERS) {
      steps += from.length
      if (!decoder.suspects(from)) continue
      steps += from.length
      const decoded = decoder.decode(from)
      if (decoded.length < SHORTEST || seen.has(decoded)) continue
      if (decoded.length > left) {
        isWhole = false
        continue
      }
      left -= decoded.length
      seen.add(decoded)
      views.push({ text: decoded, via: [...via, decoder.name] })
    }
  }
  return { views, isWhole, steps }
}
