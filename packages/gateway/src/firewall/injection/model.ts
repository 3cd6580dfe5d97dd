import { readFileSync } from 'node:fs'
import { CHARS, WORDS } from './grams.ts'

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
