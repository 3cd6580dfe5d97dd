const counts = new Uint32Array(128)

/**
 * Bits for each character, by how often each is in the text: about 4 for words, 5 and more for random letters and digits. Those beyond
 * ASCII count as few.
 */
export function entropy(text: string): number {
  counts.fill(0)
  for (let i = 0; i < text.length; i++) {
    const at = text.charCodeAt(i) & 127
    counts[at] = (counts[at] as number) + 1
  }
  let bits = 0
  for (const count of counts) if (count > 0) bits -= (count / text.length) * Math.log2(count / text.length)
  return bits
}
