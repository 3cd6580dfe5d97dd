import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readMessage } from '../../packages/gateway/src/gateway/transports/mcp/message.ts'
import { withTraceMeta } from '../../packages/gateway/src/gateway/transports/mcp/trace-meta.ts'
import { CallTrace, sampler } from '../../packages/gateway/src/trace/call-trace.ts'
import type { EndedCall } from '../../packages/gateway/src/trace/ended-call.ts'
import { exportSpans } from '../../packages/gateway/src/trace/export-spans.ts'
import { exposition, Metrics } from '../../packages/gateway/src/trace/metrics.ts'

// CPU of what each call pays for being seen, part by part. The receiver of spans is in this process, and counted.

const CALLS = 20_480
const STAGES = 14
const PARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
const NOTHING = { baggage: [], tracestate: [] }

const request = (meta: string, bytes: number) =>
  `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"${'a'.repeat(bytes)}"}${meta}}}`

function ended(): EndedCall {
  const trace = new CallTrace({})
  trace.forwardedAt = performance.now()
  return {
    trace,
    id: 'cal_1',
    startedAt: performance.now() - 2,
    endedAt: performance.now(),
    protocol: 'mcp',
    kind: 'tool',
    method: 'tools/call',
    name: 'echo',
    server: 'files',
    destination: 'files.example.org:443',
    who: { agent: 'agt_1', instance: 'ins_1', above: [] },
    task: 'tsk_1',
    grant: 'grt_1',
    segments: { agent: 'agents', server: 'servers' },
    result: 'ok',
    code: undefined,
    stage: undefined,
    logIndex: 7,
  }
}

/** The median of five rounds, microseconds of CPU for each call; the first round warms up. */
async function measure(name: string, work: () => unknown, chunk = CALLS, drained = async () => {}) {
  const rounds: number[] = []
  for (let round = 0; round <= 5; round++) {
    const start = process.cpuUsage()
    for (let i = 0; i < CALLS; i += chunk) {
      for (let one = 0; one < chunk; one++) work()
      await drained()
    }
    const { user, system } = process.cpuUsage(start)
    if (round > 0) rounds.push((user + system) / CALLS)
  }
  const median = rounds.sort((a, b) => a - b)[2] as number
  console.log(`| ${name} | ${median.toFixed(2)} |`)
}

console.log('| part | CPU µs/call |\n|---|---|')
await measure('place in a trace, `traceparent` for the server', () => {
  const trace = new CallTrace({ header: PARENT })
  trace.authenticated()
  return [trace.logged, trace.outbound(undefined)]
})
for (const bytes of [300, 20_000]) {
  for (const [what, meta] of [
    ['no `_meta`', ''],
    ['`_meta` with a trace and baggage', `,"_meta":{"traceparent":"${PARENT}","baggage":"a=1"}`],
  ] as const) {
    const text = request(meta, bytes)
    const message = readMessage(JSON.parse(text))
    await measure(`\`_meta\` written, ${bytes} B, ${what}`, () =>
      withTraceMeta(text, message, PARENT, NOTHING),
    )
  }
}

const metrics = new Metrics()
await measure(`metrics: the call and its ${STAGES} stages`, () => {
  for (let stage = 0; stage < STAGES; stage++) metrics.onStage('tool', 0.1)
  metrics.watch(ended())
})
const began = performance.now()
const { text } = await exposition([await metrics.snapshot()])
console.log(
  `| a scrape of ${text.split('\n').length} lines, in all | ${((performance.now() - began) * 1000).toFixed(0)} |`,
)

let requests = 0
const receiver = createServer((req, res) => {
  req.resume().on('end', () => {
    requests++
    res.end()
  })
})
await new Promise<void>((ready) => receiver.listen(0, '127.0.0.1', ready))
const endpoint = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/v1/traces`
for (const share of [0, 1]) {
  const exporting = exportSpans({
    endpoint,
    headers: {},
    sampler: sampler(share, Buffer.alloc(32)),
    about: { version: '0', instance: 'bench', log: 'bench' },
    onHealth() {},
  })
  // As many as go in two whole batches: what does not fit into the queue would be dropped, and not be paid for.
  const sent = async () => {
    while (requests < 2 * share) await new Promise(setImmediate)
    requests = 0
  }
  await measure(
    `two spans to a collector, ${share * 100} % of traces`,
    () => exporting.watch(ended()),
    512,
    sent,
  )
  await exporting[Symbol.asyncDispose]()
}
receiver.closeAllConnections()
receiver.close()
