/**
 * A text without these characters at its end, or at both. An expression such as `[.]+$` tries the end of each run of them again from each
 * of its characters, which takes a hostile text time with the square of its length.
 */
export function trimEnd(text: string, characters: ReadonlySet<string>): string {
  let end = text.length
  while (end > 0 && characters.has(text[end - 1] as string)) end--
  return text.slice(0, end)
}

export function trim(text: string, characters: ReadonlySet<string>): string {
  let start = 0
  while (start < text.length && characters.has(text[start] as string)) start++
  return trimEnd(text.slice(start), characters)
}
