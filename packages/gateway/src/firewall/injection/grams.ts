/** Sizes of the two tables of weights: character n-grams of 3 to 5, word n-grams of 1 to 3. */
export const CHAR_BITS = 17
export const WORD_BITS = 16
export const CHARS = 2 ** CHAR_BITS
export const WORDS = 2 ** WORD_BITS
/** N-grams that end at one character or word. */
export const ORDERS = 3

/** Where each n-gram of a text has its weight. `chars` and `words` hold {@link ORDERS} places for each character and word. */
export interface Grams {
  readonly length: number
  readonly chars: Uint32Array
  readonly words: Uint32Array
  /** Index of the character after each word. */
  readonly ends: Uint32Array
}

const SPACE = 32
const DIGIT = 48

/** Letters in lower case, every digit the same, space of any kind one kind. */
export const FOLD = Uint16Array.from({ length: 65_536 }, (_, code) => {
  if (code <= SPACE || code === 0xa0) return SPACE
  if (code >= 65 && code <= 90) return code | 32
  return code >= 48 && code <= 57 ? DIGIT : code
})

/** 1 for what words are made of. */
export const IN_WORD = Uint8Array.from({ length: 65_536 }, (_, code) =>
  Number((code >= 97 && code <= 122) || code === DIGIT || code > 0xbf || code === 39),
)

export const mix = (hash: number, code: number): number => {
  const mixed = Math.imul(hash ^ code, 0x01000193)
  return mixed ^ (mixed >>> 15)
}

/** To be multiplied with a hash; the upper bits of the product say where its weight is. */
export const SPREAD = 0x9e3779b1 | 0
const place = (hash: number, bits: number): number => Math.imul(hash, SPREAD) >>> (32 - bits)

/** Hashes of n-grams are mixed from these on; longer ones go on from the shorter, with what marks their length. */
export const CHARS_START = 0x51ed
export const FOURTH = 0x10000
export const FIFTH = 0x20000
export const WORD_START = 0x9e37
export const BEFORE_FIRST = 1
export const TWO_BEFORE_FIRST = 2

/** Training reads text through this; `score` reads the same n-grams without writing them down. Space of any length is one. */
export function gramsOf(text: string): Grams {
  const codes = fold(text)
  const length = codes.length
  const chars = new Uint32Array(length * ORDERS)
  let c4 = SPACE
  let c3 = SPACE
  let c2 = SPACE
  let c1 = SPACE
  for (let i = 0; i < length; i++) {
    const c0 = codes[i] as number
    const three = mix(mix(mix(CHARS_START, c2), c1), c0)
    const four = mix(three, c3 + FOURTH)
    chars[i * 3] = place(three, CHAR_BITS)
    chars[i * 3 + 1] = place(four, CHAR_BITS)
    chars[i * 3 + 2] = place(mix(four, c4 + FIFTH), CHAR_BITS)
    c4 = c3
    c3 = c2
    c2 = c1
    c1 = c0
  }
  return { length, chars, ...wordGrams(codes) }
}

function wordGrams(codes: Uint16Array): { words: Uint32Array; ends: Uint32Array } {
  const words: number[] = []
  const ends: number[] = []
  let hash = 0
  let before = BEFORE_FIRST
  let twoBefore = TWO_BEFORE_FIRST
  for (let i = 0; i <= codes.length; i++) {
    const code = i < codes.length ? (codes[i] as number) : SPACE
    if (IN_WORD[code] === 1) {
      hash = mix(hash === 0 ? WORD_START : hash, code)
      continue
    }
    if (hash === 0) continue
    const two = mix(before, hash)
    words.push(place(hash, WORD_BITS), place(two, WORD_BITS), place(mix(twoBefore, two), WORD_BITS))
    ends.push(i)
    twoBefore = before
    before = hash
    hash = 0
  }
  return { words: Uint32Array.from(words), ends: Uint32Array.from(ends) }
}

function fold(text: string): Uint16Array {
  const codes = new Uint16Array(text.length)
  let length = 0
  let last = SPACE
  for (let i = 0; i < text.length; i++) {
    const code = FOLD[text.charCodeAt(i)] as number
    if (code === SPACE && last === SPACE) continue
    codes[length++] = code
    last = code
  }
  return codes.subarray(0, length)
}
