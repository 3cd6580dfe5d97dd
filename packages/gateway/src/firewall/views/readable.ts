const SHORTEST = 8

/** The stretches of decoded bytes that are text in UTF-8. Bytes of an image or a digest have none. */
export function readable(bytes: Buffer): string {
  const found: string[] = []
  let start = 0
  let chars = 0
  for (let at = 0; at <= bytes.length; ) {
    const length = at < bytes.length ? lengthAt(bytes, at) : 0
    if (length > 0) {
      at += length
      chars++
      continue
    }
    if (chars >= SHORTEST) found.push(bytes.toString('utf8', start, at))
    at++
    start = at
    chars = 0
  }
  return found.join('\n')
}

/** How many bytes the character at a place takes; 0 when it is a control or none. */
function lengthAt(bytes: Buffer, at: number): number {
  const byte = bytes[at] as number
  if (byte < 0x80) return byte >= 0x20 ? Number(byte !== 0x7f) : Number(byte >= 9 && byte <= 13)
  const second = bytes[at + 1] ?? 0
  // Above the controls from U+0080 to U+009F.
  if (byte >= 0xc2 && byte < 0xe0) return isContinuation(second) && (byte > 0xc2 || second >= 0xa0) ? 2 : 0
  if (!isContinuation(second) || !isContinuation(bytes[at + 2] ?? 0)) return 0
  if (byte >= 0xe0 && byte < 0xf0)
    return (byte > 0xe0 || second >= 0xa0) && (byte !== 0xed || second < 0xa0) ? 3 : 0
  const isInRange =
    byte >= 0xf0 && byte <= 0xf4 && (byte > 0xf0 || second >= 0x90) && (byte < 0xf4 || second < 0x90)
  return isInRange && isContinuation(bytes[at + 3] ?? 0) ? 4 : 0
}

const isContinuation = (byte: number): boolean => (byte & 0xc0) === 0x80
