/** One policy as written, and where it starts (UTF-16 index). */
export interface Statement {
  readonly text: string
  readonly at: number
}

/**
 * Cuts Cedar text, known to parse, into its policies: each ends with the first `;` that is in no string and no comment. Cedar's own
 * splitter gives them in another order and without their places.
 */
export function statements(text: string): Statement[] {
  const found: Statement[] = []
  let start = -1
  for (let i = 0; i < text.length; i++) {
    const char = text[i] as string
    if (char === '/' && text[i + 1] === '/') {
      const end = text.slice(i).search(/[\r\n]/)
      if (end < 0) break
      i += end
    } else if (/\s/.test(char)) continue
    else {
      if (start < 0) start = i
      if (char === '"') i = endOfString(text, i)
      else if (char === ';') {
        found.push({ text: text.slice(start, i + 1), at: start })
        start = -1
      }
    }
  }
  return found
}

/** Index of the quote that ends it. */
export function endOfString(text: string, quote: number): number {
  for (let i = quote + 1; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === '"') return i
  }
  return text.length
}
