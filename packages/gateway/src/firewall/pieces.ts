/** Scripts that are written without spaces; no form of a secret is written in them. */
const UNSPACED = /[\u2e80-\u303f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3]/
const SPACE = /\s/

/** One letter, or nothing but what stands between letters that are written apart: `s e c r e t`. */
const LETTER = /^[._*-]*[A-Za-z0-9]?[._*-]*$/
/** `73 65 63`, `0x73, 0x65`. */
const HEX = /^(?:(?:0x|\\x)?[0-9a-fA-F]{2}[:,-]{0,2})+$/
/** A line of wrapped base64. */
const LINE = /^[A-Za-z0-9+/_-]{40,}$/

/** Whether a value can be more than one piece. */
export const isApart = (value: string): boolean => SPACE.test(value) || UNSPACED.test(value)

const goesOn = (word: string): boolean => LETTER.test(word) || HEX.test(word) || LINE.test(word)

/**
 * Where the first piece of a text ends, behind the space after it; 0 when its end is not there yet. Words that may be one secret written
 * apart are one piece. Depends on the piece and the character after it alone.
 */
export function pieceEnd(text: string): number {
  let word = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code > 0x20 && code < 0x80) continue
    const char = text[at] as string
    if (UNSPACED.test(char)) return at + 1
    if (!SPACE.test(char)) continue
    if (at > word && !goesOn(text.slice(word, at))) return at + 1
    word = at + 1
  }
  return 0
}
