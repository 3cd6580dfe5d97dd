import { createSecretKey, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { sealBody } from '../../packages/gateway/src/audit/content/body.ts'
import type { LeafEvent } from '../../packages/gateway/src/audit/entry.ts'
import { AuditLog } from '../../packages/gateway/src/audit/log.ts'
import { fileSigner } from '../../packages/gateway/src/audit/signers/file.ts'
import { agentId, subjectId } from './work.ts'

/** What a record costs: the whole log against the bare write and flush of the same bytes in the same run. See README.md. */

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '3' },
    dir: { type: 'string', default: tmpdir() },
  },
})
const SECONDS = Number(values.seconds)
const WRITERS = [1, 16, 128]
/** Bytes of an entry as a call leaves it, and of one with its sealed content. */
const PLAIN = 640
const WITH_CONTENT = 2000
const CONTENT = { arguments: { patient: '8823', text: 'Please see the minutes of the meeting. '.repeat(24) } }

interface Result {
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
  readonly cpu: number
}

const event = (n: number): LeafEvent => ({
  type: 'call.intent',
  actor: { kind: 'agent', agent: agentId(n % 40), instance: 'ins_01k5487de4475f42863ffdca62b74' },
  task: 'tsk_01k2770b1abcb54d89189585f1',
  grant: 'grt_01ke22a50abca615de5c0793e7',
  subjects: [SUBJECTS[n % SUBJECTS.length] as string],
  data: {
    call: 'cal_01k3a79c9ee644263d27a219a1',
    protocol: 'mcp',
    era: 'session',
    server: 'orders',
    method: 'tools/call',
    name: 'place_order',
    bytes: 659,
    cost: { calls: 1 },
    commitment: 'OK3YIRQ69_wJU786VngbvF9zFk68S82j0waIsEfGKs4',
    proof: '9392e1b5125418cbfbfa87b08626cf2e',
  },
})
const SUBJECTS = Array.from({ length: 1000 }, (_, n) => subjectId(n))
const KEY = { id: 'key_01k3a79c9ee644263d27a219a1', key: createSecretKey(randomBytes(32)) }

/** `writers` loops, each waiting for its own record to be durable before the next. */
async function measure(writers: number, append: (n: number) => Promise<unknown>): Promise<Result> {
  const latencies: number[] = []
  let n = 0
  const load = async (until: number, keep: boolean) => {
    await Promise.all(
      Array.from({ length: writers }, async () => {
        while (performance.now() < until) {
          const began = performance.now()
          await append(n++)
          if (keep) latencies.push(performance.now() - began)
        }
      }),
    )
  }
  await load(performance.now() + 500, false)
  const cpu = process.cpuUsage()
  const began = performance.now()
  await load(began + SECONDS * 1000, true)
  const seconds = (performance.now() - began) / 1000
  const { user, system } = process.cpuUsage(cpu)
  latencies.sort((a, b) => a - b)
  const at = (share: number) => latencies[Math.floor(latencies.length * share)] as number
  return {
    perSecond: latencies.length / seconds,
    p50: at(0.5),
    p99: at(0.99),
    cpu: (user + system) / latencies.length,
  }
}

/** The same bytes behind each other in a preallocated file, whoever waits in one write and one fdatasync. */
async function raw(dir: string, writers: number, bytes: number): Promise<Result> {
  const file = await open(join(dir, 'raw'), 'w')
  await file.writeFile(Buffer.alloc(64 * 1024 * 1024))
  await file.sync()
  const record = randomBytes(bytes)
  let waiting: (() => void)[] = []
  let position = 0
  let flushing = false
  const flush = async () => {
    await Promise.resolve()
    while (waiting.length > 0) {
      const group = waiting
      waiting = []
      const data = Buffer.concat(group.map(() => record))
      if (position + data.length > 64 * 1024 * 1024) position = 0
      await file.write(data, 0, data.length, position)
      await file.datasync()
      position += data.length
      for (const done of group) done()
    }
    flushing = false
  }
  const result = await measure(
    writers,
    () =>
      new Promise<void>((done) => {
        waiting.push(done)
        if (!flushing) {
          flushing = true
          void flush()
        }
      }),
  )
  await file.close()
  return result
}

async function log(dir: string, writers: number, hasBodies: boolean): Promise<Result> {
  const folder = mkdtempSync(join(dir, 'log-'))
  const signer = fileSigner(join(folder, 'keys', 'log.key'), 'bench.example.org')
  const made = await AuditLog.open({ dir: folder, signer, clock: { now: Date.now } })
  const result = await measure(writers, (n) => {
    if (!hasBodies) return made.append(event(n))
    const { bytes, reference } = sealBody(CONTENT, [KEY])
    return made.append({ ...event(n), body: reference }, bytes)
  })
  await made.close()
  return result
}

const median = (numbers: number[]): number => numbers.sort((a, b) => a - b)[numbers.length >> 1] as number

/** The first of them is what the others are compared with. */
function print(writers: number, results: ReadonlyMap<string, readonly Result[]>): void {
  const of = (all: readonly Result[], what: keyof Result) => median(all.map((result) => result[what]))
  const [first = []] = results.values()
  for (const [name, all] of results) {
    const rate = of(all, 'perSecond')
    const cells = [
      String(writers),
      name,
      rate.toFixed(0),
      (rate / of(first, 'perSecond')).toFixed(2),
      of(all, 'p50').toFixed(2),
      of(all, 'p99').toFixed(2),
      of(all, 'cpu').toFixed(0),
    ]
    process.stdout.write(`| ${cells.join(' | ')} |\n`)
  }
}

const dir = mkdtempSync(join(values.dir, 'ostiary-bench-'))
try {
  const pairs = [
    {
      'raw append + fdatasync, 640 B': (writers: number) => raw(dir, writers, PLAIN),
      log: (writers: number) => log(dir, writers, false),
    },
    {
      'raw append + fdatasync, 2 kB': (writers: number) => raw(dir, writers, WITH_CONTENT),
      'log with 1 kB of sealed content': (writers: number) => log(dir, writers, true),
    },
  ]
  process.stdout.write(
    '| writers | what | records/s | of raw | p50 ms | p99 ms | CPU µs/record |\n|---|---|---|---|---|---|---|\n',
  )
  for (const writers of WRITERS) {
    for (const pair of pairs) {
      const results = new Map<string, Result[]>(Object.keys(pair).map((name) => [name, []]))
      // In turns, so that noise meets both alike.
      for (let round = 0; round < Number(values.rounds); round++)
        for (const [name, run] of Object.entries(pair)) results.get(name)?.push(await run(writers))
      print(writers, results)
    }
  }
} finally {
  rmSync(dir, { recursive: true, force: true })
}
