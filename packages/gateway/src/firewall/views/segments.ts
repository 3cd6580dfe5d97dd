const LENGTH = 200
/** The end of a line or of a sentence. */
const END = /\n|[.!?]\s/g

/** Treats the text sentence by sentence, so that one in another form does not drown in the rest. */
export function changeSegments(
  text: string,
  isMeant: (piece: string) => boolean,
  change: (piece: string) => string,
): string {
  const out: string[] = []
  for (let at = 0; at < text.length; ) {
    const piece = text.slice(at, endOf(text, at))
    if (isMeant(piece)) out.push(change(piece))
    at += piece.length
  }
  return out.join('\n')
}

/** A sentence may be longer than a piece: then it is cut at a word, or anywhere. */
function endOf(text: string, at: number): number {
  const limit = Math.min(at + LENGTH, text.length)
  const ahead = text.slice(at, limit)
  END.lastIndex = 0
  if (END.test(ahead)) return at + END.lastIndex
  if (limit === text.length) return limit
  const space = ahead.lastIndexOf(' ')
  return space > LENGTH / 2 ? at + space + 1 : limit
}
