import { availableParallelism, cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { createScanner } from '../../packages/gateway/src/firewall/scanner.ts'
import type { Json } from '../../packages/gateway/src/model/json.ts'
import { charsIn, LOADS } from './loads.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    // Characters that are scanned in one round, at least.
    chars: { type: 'string', default: '400000' },
    sizes: { type: 'string', default: '2000,20000,200000' },
  },
})
const rounds = Number(values.rounds)
const sizes = values.sizes.split(',').map(Number)
const SECRETS = new Map(Array.from({ length: 8 }, (_, i) => [`key ${i}`, `sk-4f9c2e7a81d05b3${i}`]))
const scanner = createScanner({ secrets: () => SECRETS })

/** What is left when nothing is looked for: every code unit read once. */
function walk(value: Json): number {
  if (typeof value === 'string') {
    let sum = 0
    for (let i = 0; i < value.length; i++) sum += value.charCodeAt(i)
    return sum
  }
  if (typeof value !== 'object' || value === null) return 0
  return Object.entries(value).reduce((sum, [key, item]) => sum + walk(key) + walk(item), 0)
}

/** CPU time in µs for one message, median of the rounds after one that warms up. */
function perMessage(run: (value: Json) => unknown, value: Json): number {
  const repeat = Math.max(1, Math.ceil(Number(values.chars) / Math.max(1, charsIn(value))))
  const taken: number[] = []
  for (let round = 0; round <= rounds; round++) {
    const before = process.cpuUsage()
    for (let i = 0; i < repeat; i++) run(value)
    const { user, system } = process.cpuUsage(before)
    if (round > 0) taken.push((user + system) / repeat)
  }
  return taken.toSorted((a, b) => a - b)[rounds >> 1] as number
}

/** Compiled for all loads before any is measured: a gateway sees them mixed. */
for (let i = 0; i < 12; i++) for (const { make } of LOADS) scanner.scan(make(20_000), 'in')

const first = LOADS[0] as (typeof LOADS)[number]
const prose = new Map(
  sizes.map((size) => [size, perMessage((value) => scanner.scan(value, 'in'), first.make(size))]),
)
const head = sizes.flatMap((size) => [`${size / 1000} kB: µs`, 'ns/char', '× prose'])
console.log(
  `${cpus()[0]?.model ?? 'unknown'}, ${availableParallelism()} cores, Node ${process.version}, ${rounds} rounds\n`,
)
console.log(`| content | | ${head.join(' | ')} |`)
console.log(`|---|---|${'---|'.repeat(head.length)}`)
const row = (kind: string, name: string, cost: (size: number) => { micros: number; chars: number }) => {
  const cells = sizes.flatMap((size) => {
    const { micros, chars } = cost(size)
    return [
      micros.toFixed(0),
      ((1000 * micros) / chars).toFixed(1),
      (micros / chars / ((prose.get(size) as number) / size)).toFixed(1),
    ]
  })
  console.log(`| ${kind} | ${name} | ${cells.join(' | ')} |`)
}
row('nothing', 'walk over prose', (size) => ({ micros: perMessage(walk, first.make(size)), chars: size }))
for (const { kind, name, make } of LOADS)
  row(kind, name, (size) => {
    const value = make(size)
    return { micros: perMessage((message) => scanner.scan(message, 'in'), value), chars: charsIn(value) }
  })
