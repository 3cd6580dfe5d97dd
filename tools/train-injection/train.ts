import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { CHARS, gramsOf, WORDS } from '../../packages/gateway/src/firewall/injection/grams.ts'
import { decodeModel, encodeModel } from '../../packages/gateway/src/firewall/injection/model.ts'
import { norm, score, WINDOW } from '../../packages/gateway/src/firewall/injection/score.ts'
import { fetchSources } from './fetch.ts'
import { negative } from './negatives.ts'
import { positive } from './positives.ts'
import { Random } from './random.ts'
import { digestOf, SOURCES } from './sources.ts'

const { values } = parseArgs({ options: { folder: { type: 'string', default: 'tmp/train-injection' } } })
const MADE = { positives: 9000, negatives: 9000 }
/** Of a long text, so many stretches. */
const STRETCHES = 4
const EPOCHS = 8
const RATE = 0.15
const DECAY = 2e-6

interface Example {
  readonly chars: Uint32Array
  readonly words: Uint32Array
  readonly label: 0 | 1
  readonly weight: number
}

const random = new Random(4)
const folder = await fetchSources(values.folder)
const read = SOURCES.map((source) => ({ source, texts: source.read(folder) }))

function stretches(text: string): string[] {
  if (text.length <= WINDOW) return [text]
  const last = text.length - WINDOW
  return Array.from({ length: Math.min(STRETCHES, Math.ceil(text.length / WINDOW)) }, () => {
    const at = random.below(last + 1)
    return text.slice(at, at + WINDOW)
  })
}

function example(text: string, label: 0 | 1, weight: number): Example {
  const { chars, words } = gramsOf(text)
  return { chars, words, label, weight }
}

const examples: Example[] = []
for (const { source, texts } of read) {
  if (source.use !== 'train') continue
  for (const text of texts) {
    for (const part of stretches(text))
      examples.push(example(part, source.label === 'injection' ? 1 : 0, source.weight))
  }
}
const made = { positives: [] as string[], negatives: [] as string[] }
for (let i = 0; i < MADE.positives; i++) made.positives.push(positive(random).slice(0, 2 * WINDOW))
for (let i = 0; i < MADE.negatives; i++) made.negatives.push(negative(random).slice(0, WINDOW))
for (const text of made.positives) examples.push(example(text, 1, 1))
for (const text of made.negatives) examples.push(example(text, 0, 1))

/** Logistic regression, by stochastic gradient with a rate for each weight (AdaGrad). */
const weights = { chars: new Float32Array(CHARS), words: new Float32Array(WORDS) }
const seen = { chars: new Float32Array(CHARS).fill(1e-4), words: new Float32Array(WORDS).fill(1e-4) }
let bias = 0
const dot = (table: Float32Array, places: Uint32Array, scale: number): number => {
  let sum = 0
  for (const at of places) sum += table[at] as number
  return sum * scale
}
const learn = (table: Float32Array, squares: Float32Array, places: Uint32Array, gradient: number): void => {
  for (const at of places) {
    const g = gradient + DECAY * (table[at] as number)
    squares[at] = (squares[at] as number) + g * g
    table[at] = (table[at] as number) - (RATE * g) / Math.sqrt(squares[at] as number)
  }
}
for (let epoch = 0; epoch < EPOCHS; epoch++) {
  let loss = 0
  for (const { chars, words, label, weight } of random.shuffle(examples)) {
    const charScale = 1 / norm(chars.length / 3)
    const wordScale = 1 / norm(words.length / 3)
    const p =
      1 /
      (1 + Math.exp(-(bias + dot(weights.chars, chars, charScale) + dot(weights.words, words, wordScale))))
    loss -= weight * Math.log(Math.max(1e-9, label === 1 ? p : 1 - p))
    const gradient = weight * (p - label)
    learn(weights.chars, seen.chars, chars, gradient * charScale)
    learn(weights.words, seen.words, words, gradient * wordScale)
    bias -= 0.01 * gradient
  }
  console.log(`epoch ${epoch + 1}: loss ${(loss / examples.length).toFixed(4)}, ${examples.length} examples`)
}

function quantized(table: Float32Array): { scale: number; bytes: Int8Array } {
  const sizes = table
    .filter((weight) => weight !== 0)
    .map(Math.abs)
    .sort()
  const scale = (sizes[Math.floor(sizes.length * 0.999)] as number) / 127
  return {
    scale,
    bytes: Int8Array.from(table, (weight) => Math.max(-127, Math.min(127, Math.round(weight / scale)))),
  }
}
const chars = quantized(weights.chars)
const words = quantized(weights.words)
const bytes = encodeModel({
  bias,
  charScale: chars.scale,
  wordScale: words.scale,
  chars: chars.bytes,
  words: words.bytes,
})
const model = decodeModel(bytes)

const sources = [
  ...read.map(({ source: { read: _, ...source }, texts }) => ({
    ...source,
    texts: texts.length,
    sha256: digestOf(texts),
  })),
  {
    name: 'own-positives',
    origin: 'positives.ts',
    licence: 'Apache-2.0',
    label: 'injection',
    use: 'train',
    weight: 1,
    texts: MADE.positives,
    sha256: digestOf(made.positives),
  },
  {
    name: 'own-negatives',
    origin: 'negatives.ts',
    licence: 'Apache-2.0',
    label: 'clean',
    use: 'train',
    weight: 1,
    texts: MADE.negatives,
    sha256: digestOf(made.negatives),
  },
]
for (const { source, texts } of read) {
  const above = (limit: number) =>
    ((100 * texts.filter((text) => score(model, text) > limit).length) / texts.length).toFixed(1)
  console.log(
    `${source.use.padEnd(5)} ${source.label.padEnd(9)} ${source.name.padEnd(32)} > 0.5: ${above(0.5)} %, > 0.8: ${above(0.8)} %`,
  )
}
writeFileSync('packages/gateway/models/injection.bin', bytes)
writeFileSync(
  'tools/train-injection/manifest.json',
  `${JSON.stringify({ weights: digestOf([bytes.toString('latin1')]), sources }, null, 2)}\n`,
)
