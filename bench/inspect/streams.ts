import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { createScanner } from '../../packages/gateway/src/firewall/scanner.ts'
import { streamGates } from '../../packages/gateway/src/firewall/stream.ts'
import type { TextGate } from '../../packages/gateway/src/gateway/transports/llm/judge.ts'
import { openaiChat } from '../../packages/gateway/src/gateway/transports/llm/openai-chat.ts'
import { streamFilter } from '../../packages/gateway/src/gateway/transports/llm/stream.ts'

const { values } = parseArgs({
  options: {
    streams: { type: 'string', default: '1000' },
    // Events of a stream, each with some characters, as a model writes them.
    events: { type: 'string', default: '400' },
    rounds: { type: 'string', default: '3' },
  },
})
if (!globalThis.gc) throw new Error('run it with --expose-gc')
const collect = globalThis.gc
const streams = Number(values.streams)
const events = Number(values.events)

const SECRETS = new Map([['key', 'sk-4f9c2e7a81d05b36']])
const scanner = createScanner({ secrets: () => SECRETS })
const gateOfText = streamGates({ scanner, secrets: () => SECRETS, onFindings: () => {} })

const WORDS =
  'The patient slept well and asked for the report of the last visit, which the ward sent on Tuesday. '.match(
    /.{1,5}/g,
  ) as string[]
const encoder = new TextEncoder()
const chunk = (i: number): Uint8Array =>
  encoder.encode(
    `data: ${JSON.stringify({
      id: 'c1',
      object: 'chat.completion.chunk',
      created: 1,
      model: 'm',
      choices: [{ index: 0, delta: { content: WORDS[i % WORDS.length] }, finish_reason: null }],
    })}\n\n`,
  )
const chunks = Array.from({ length: events }, (_, i) => chunk(i))
const passThrough: TextGate = { push: (text) => text, end: () => '' }

const held = (): number => {
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** All streams are open at once and get one event each in turn. */
async function run(gate: () => TextGate) {
  const before = held()
  const open = Array.from({ length: streams }, () =>
    streamFilter(openaiChat, { gate, decide: () => ({ kind: 'pass' }) }),
  )
  const firsts: number[] = []
  const spent = new Float64Array(streams)
  const cpu = process.cpuUsage()
  for (const [i, bytes] of chunks.entries()) {
    for (const [s, filter] of open.entries()) {
      const start = performance.now()
      const out = await filter.push(bytes)
      if ((spent[s] as number) >= 0) {
        spent[s] = (spent[s] as number) + performance.now() - start
        if (out !== '') {
          firsts.push((spent[s] as number) * 1000, i + 1)
          spent[s] = -1
        }
      }
    }
  }
  const { user, system } = process.cpuUsage(cpu)
  const bytes = (held() - before) / streams
  for (const filter of open) await filter.end()
  const micros = firsts.filter((_, i) => i % 2 === 0).sort((a, b) => a - b)
  return {
    bytes,
    event: (user + system) / streams / events,
    firstEvent: Math.max(...firsts.filter((_, i) => i % 2 === 1)),
    p50: micros[micros.length >> 1] as number,
    p99: micros[Math.floor(micros.length * 0.99)] as number,
  }
}

console.log(`${streams} streams at once, ${events} events each, Node ${process.version}\n`)
console.log(
  '| gate | bytes a stream | CPU µs an event | first text leaves with event | CPU until then, µs p50 / p99 |',
)
console.log('|---|---|---|---|---|')
for (const [name, gate] of [
  ['none', () => passThrough],
  ['of the gateway', gateOfText],
] as const) {
  const all = []
  for (let round = 0; round <= Number(values.rounds); round++) all.push(await run(gate))
  const { bytes, event, firstEvent, p50, p99 } = all
    .slice(1)
    .toSorted((a, b) => a.event - b.event)
    .at(Number(values.rounds) >> 1) as (typeof all)[number]
  console.log(
    `| ${name} | ${bytes.toFixed(0)} | ${event.toFixed(1)} | ${firstEvent} | ${p50.toFixed(0)} / ${p99.toFixed(0)} |`,
  )
}
