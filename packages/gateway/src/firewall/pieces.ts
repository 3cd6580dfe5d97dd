/** Scripts that are written without spaces; no form of a secret is written in them. */
const UNSPACED = /[\u2e80-\u303f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3]/
const SPACE = /\s/

/** Whether a value can be more than one piece. */
export const isApart = (value: string): boolean => SPACE.test(value) || UNSPACED.test(value)

/** The end of a word of prose. No letter by itself, also behind one of another script, no pair of digits, no escape or entity of one character ends so. */
const WORD = /(?:[A-Za-z]{3}|[\p{L}\p{M}]{2}(?![A-Za-z])[\p{L}\p{M}])[.,;:!?)\]}"'’”»…*_`-]{0,4}$/u
/** A line of wrapped base64 may end so and go on. */
const LINE = /[A-Za-z0-9+/]{60}$/
const LOOKED_AT = 64

function isWord(word: string): boolean {
  const end = word.slice(-LOOKED_AT)
  return WORD.test(end) && !LINE.test(end)
}

/**
 * Where the first piece of a text ends: behind the space after a word of prose. A secret that is written apart, as `s e c r e t`, `73 65 63` or
 * `&#115; &#101;`, has none in it, whatever stands before its first sign. 0 when the end is not there yet. Depends on the piece alone.
 */
export function pieceEnd(text: string): number {
  let word = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code > 0x20 && code < 0x80) continue
    const char = text[at] as string
    if (UNSPACED.test(char)) return at + 1
    if (!SPACE.test(char)) continue
    if (isWord(text.slice(word, at))) return at + 1
    word = at + 1
  }
  return 0
}
