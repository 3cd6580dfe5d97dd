import { readFileSync } from 'node:fs'
import { CHARS, gramsOf, ORDERS, WORDS } from './grams.ts'

/** Characters that are judged together, and by how many the next stretch is further on. */
export const WINDOW = 350
const STRIDE = 88
/** Text is read in blocks, so that memory does not grow with it; they overlap by a window. */
const BLOCK = 8192

const HEADER = 16

/** A linear model over hashed n-grams. Weights are signed bytes times a scale for each table. */
export interface Model {
  readonly bias: number
  readonly charScale: number
  readonly wordScale: number
  readonly chars: Int8Array
  readonly words: Int8Array
}

/** Magic number, bias and the two scales, then the two tables. */
export function encodeModel(model: Model): Buffer {
  const out = Buffer.alloc(HEADER + CHARS + WORDS)
  out.write('OIW1', 'latin1')
  out.writeFloatLE(model.bias, 4)
  out.writeFloatLE(model.charScale, 8)
  out.writeFloatLE(model.wordScale, 12)
  out.set(new Uint8Array(model.chars.buffer), HEADER)
  out.set(new Uint8Array(model.words.buffer), HEADER + CHARS)
  return out
}

export function decodeModel(bytes: Buffer): Model {
  if (bytes.length !== HEADER + CHARS + WORDS || bytes.toString('latin1', 0, 4) !== 'OIW1') {
    throw new Error('the weights of the injection detector are damaged')
  }
  const table = (from: number, size: number) => new Int8Array(bytes.subarray(from, from + size))
  return {
    bias: bytes.readFloatLE(4),
    charScale: bytes.readFloatLE(8),
    wordScale: bytes.readFloatLE(12),
    chars: table(HEADER, CHARS),
    words: table(HEADER + CHARS, WORDS),
  }
}

/** The committed weights, made by `tools/train-injection`. */
export const readModel = (): Model =>
  decodeModel(readFileSync(new URL('../../../models/injection.bin', import.meta.url)))

/** From 0 to 1: how much the worst stretch of the text looks like an instruction to a model. Linear in the text. */
export function score(model: Model, text: string): number {
  let worst = Number.NEGATIVE_INFINITY
  for (let at = 0; at === 0 || at + WINDOW < text.length; at += BLOCK - WINDOW) {
    worst = Math.max(worst, worstWindow(model, text.slice(at, at + BLOCK)))
  }
  return 1 / (1 + Math.exp(-worst))
}

function worstWindow(model: Model, block: string): number {
  const { length, chars, words, ends } = gramsOf(block)
  const charSums = sums(model.chars, chars)
  const wordSums = sums(model.words, words)
  let worst = Number.NEGATIVE_INFINITY
  let first = 0
  let last = 0
  for (let from = 0; ; from += STRIDE) {
    const to = Math.min(from + WINDOW, length)
    while (first < ends.length && (ends[first] as number) <= from) first++
    while (last < ends.length && (ends[last] as number) <= to) last++
    const charPart = ((charSums[to] as number) - (charSums[from] as number)) * model.charScale
    const wordPart = ((wordSums[last] as number) - (wordSums[first] as number)) * model.wordScale
    const sum = model.bias + charPart / norm(to - from) + wordPart / norm(last - first)
    if (sum > worst) worst = sum
    if (to === length) return worst
  }
}

/** Length of the vector of counts, were each n-gram there once. */
export const norm = (count: number): number => Math.sqrt(Math.max(1, count * ORDERS))

/** Sums of the weights of the n-grams before each position. */
function sums(weights: Int8Array, places: Uint32Array): Int32Array {
  const count = places.length / ORDERS
  const out = new Int32Array(count + 1)
  for (let i = 0, at = 0; i < count; i++, at += 3) {
    out[i + 1] =
      (out[i] as number) +
      (weights[places[at] as number] as number) +
      (weights[places[at + 1] as number] as number) +
      (weights[places[at + 2] as number] as number)
  }
  return out
}
