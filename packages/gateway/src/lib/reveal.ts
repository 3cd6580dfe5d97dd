/**
 * Characters that people do not see but models read: format and control characters, fillers, variation selectors, tag characters,
 * private use. Line ends and tabs are visible enough.
 */
const INVISIBLE = /[\p{Cf}\p{Co}\p{Cs}\p{DI}\u{2028}\u{2029}\u{2800}\u{0}-\u{8}\u{b}-\u{1f}\u{7f}-\u{9f}]/gu

/** Joiner and presentation selector where emoji need them. */
const EMOJI = /\p{Extended_Pictographic}\ufe0f?(?:\u200d\p{Extended_Pictographic}\ufe0f?)*/gu

/** The text with every invisible character written as `\u{…}`, so that a person sees what a model reads. */
export const reveal = (text: string): string => text.replace(INVISIBLE, escapeCharacter)

const escapeCharacter = (char: string): string => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`

/** Invisible characters of a text, each once, as `\u{…}`; those inside ordinary emoji and line ends do not count. */
export function invisibleIn(text: string): readonly string[] {
  return [...new Set(text.replace(EMOJI, '').replaceAll('\r\n', '\n').match(INVISIBLE) ?? [])].map(
    escapeCharacter,
  )
}

/** What tag characters (U+E0020 to U+E007E) spell in ASCII; empty when there are none. */
export function spelledByTags(text: string): string {
  const tags = text.match(/[\u{e0020}-\u{e007e}]/gu) ?? []
  return tags.map((tag) => String.fromCharCode((tag.codePointAt(0) ?? 0) - 0xe0000)).join('')
}
