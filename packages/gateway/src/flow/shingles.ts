import { plain } from './canonical.ts'

/** Words in a run. Eight words in a row are hardly ever the same by chance. */
const RUN = 8
const WORDS = /[\p{L}\p{N}]+/gu

/** A hash (32 bits) of each run of eight words, case and punctuation left out; of the whole where a text has four to seven. */
export function shinglesOf(text: string): readonly number[] {
  const words = plain(text).match(WORDS) ?? []
  if (words.length < 4) return []
  if (words.length < RUN) return [hashOf(words)]
  const hashes: number[] = []
  for (let at = 0; at + RUN <= words.length; at++) hashes.push(hashOf(words.slice(at, at + RUN)))
  return hashes
}

/** FNV-1a; a chance hit makes a person look, nothing worse. */
function hashOf(words: readonly string[]): number {
  let hash = 0x811c9dc5
  for (const word of words) {
    for (let i = 0; i < word.length; i++) hash = Math.imul(hash ^ word.charCodeAt(i), 0x01000193)
    hash = Math.imul(hash ^ 0x20, 0x01000193)
  }
  return hash >>> 0
}
