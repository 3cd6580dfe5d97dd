const counts = new Uint32Array(128)
/** What a character that is there so often takes away. */
const TERMS = Float64Array.from({ length: 4096 }, (_, count) => (count === 0 ? 0 : count * Math.log2(count)))

/**
 * Bits for each character, by how often each is in the text: about 4 for words, 5 and more for random letters and digits. Those beyond
 * ASCII count as few, and what is after 4,095 characters not at all.
 */
export function entropy(text: string): number {
  const length = Math.min(text.length, TERMS.length - 1)
  if (length === 0) return 0
  counts.fill(0)
  for (let i = 0; i < length; i++) {
    const at = text.charCodeAt(i) & 127
    counts[at] = (counts[at] as number) + 1
  }
  let sum = 0
  for (let at = 0; at < 128; at++) sum += TERMS[counts[at] as number] as number
  return Math.log2(length) - sum / length
}
