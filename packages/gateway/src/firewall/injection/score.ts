import { Codes } from '../survey/codes.ts'
import * as grams from './grams.ts'
import type { Model } from './model.ts'

// Constants of this module are compiled into the loops; what is imported is looked up each time.
const { FOLD, FOURTH, FIFTH, IN_WORD, mix, SPREAD, WORD_START } = grams
const CHAR_SHIFT = 32 - grams.CHAR_BITS
const WORD_SHIFT = 32 - grams.WORD_BITS
const SPACE = 32

/** Characters that are judged together, and by how many the next stretch is further on. */
export const WINDOW = 350
const STRIDE = 88
/** Text is read in blocks, so that memory does not grow with it; they overlap by a window. */
const BLOCK = 8192

/** In memory that is used again: the folded text, and the sums of the weights of the n-grams up to each character and word. */
const codes = new Codes(BLOCK)
const { units } = codes
const charSums = new Int32Array(BLOCK + 1)
const wordSums = new Int32Array(BLOCK + 1)
/** Index of the character after each word. */
const wordEnds = new Int32Array(BLOCK)
/** The first step of each hash of characters. */
const FIRST = Int32Array.from({ length: 65_536 }, (_, code) => mix(grams.CHARS_START, code))

/** From 0 to 1: how much the worst stretch of the text looks like an instruction to a model. Linear in the text. */
export function score(model: Model, text: string): number {
  let worst = Number.NEGATIVE_INFINITY
  for (let at = 0; at === 0 || at + WINDOW < text.length; at += BLOCK - WINDOW) {
    const length = sumChars(model.chars, codes.read(text, at))
    worst = Math.max(worst, worstWindow(model, length, sumWords(model.words, length)))
  }
  return 1 / (1 + Math.exp(-worst))
}

/** Folds what was read in its place. Each hash goes on from that of two characters, which the one before has made. */
function sumChars(weights: Int8Array, count: number): number {
  let c4 = SPACE
  let c3 = SPACE
  let c2 = SPACE
  let c1 = SPACE
  let two = mix(FIRST[SPACE] as number, SPACE)
  let sum = 0
  let length = 0
  for (let i = 0; i < count; i++) {
    const c0 = FOLD[units[i] as number] as number
    if (c0 === SPACE && c1 === SPACE) continue
    const three = mix(two, c0)
    const four = mix(three, c3 + FOURTH)
    const five = mix(four, c4 + FIFTH)
    sum =
      (sum +
        (weights[Math.imul(three, SPREAD) >>> CHAR_SHIFT] as number) +
        (weights[Math.imul(four, SPREAD) >>> CHAR_SHIFT] as number) +
        (weights[Math.imul(five, SPREAD) >>> CHAR_SHIFT] as number)) |
      0
    units[length] = c0
    charSums[++length] = sum
    c4 = c3
    c3 = c2
    c2 = c1
    c1 = c0
    two = mix(FIRST[c2] as number, c0)
  }
  return length
}

function sumWords(weights: Int8Array, length: number): number {
  let hash = 0
  let before = grams.BEFORE_FIRST
  let twoBefore = grams.TWO_BEFORE_FIRST
  let sum = 0
  let count = 0
  for (let i = 0; i <= length; i++) {
    const code = i < length ? (units[i] as number) : SPACE
    if (IN_WORD[code] === 1) {
      hash = mix(hash === 0 ? WORD_START : hash, code)
      continue
    }
    if (hash === 0) continue
    const two = mix(before, hash)
    const three = mix(twoBefore, two)
    sum =
      (sum +
        (weights[Math.imul(hash, SPREAD) >>> WORD_SHIFT] as number) +
        (weights[Math.imul(two, SPREAD) >>> WORD_SHIFT] as number) +
        (weights[Math.imul(three, SPREAD) >>> WORD_SHIFT] as number)) |
      0
    wordEnds[count] = i
    wordSums[++count] = sum
    twoBefore = before
    before = hash
    hash = 0
  }
  return count
}

function worstWindow(model: Model, length: number, words: number): number {
  let worst = Number.NEGATIVE_INFINITY
  let first = 0
  let last = 0
  for (let from = 0; ; from += STRIDE) {
    const to = Math.min(from + WINDOW, length)
    while (first < words && (wordEnds[first] as number) <= from) first++
    while (last < words && (wordEnds[last] as number) <= to) last++
    const charPart = ((charSums[to] as number) - (charSums[from] as number)) * model.charScale
    const wordPart = ((wordSums[last] as number) - (wordSums[first] as number)) * model.wordScale
    const sum =
      model.bias + charPart / (NORMS[to - from] as number) + wordPart / (NORMS[last - first] as number)
    if (sum > worst) worst = sum
    if (to === length) return worst
  }
}

/** Length of the vector of counts, were each n-gram there once. */
export const norm = (count: number): number => Math.sqrt(Math.max(1, count * grams.ORDERS))

const NORMS = Float64Array.from({ length: WINDOW + 1 }, (_, count) => norm(count))
