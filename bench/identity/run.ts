import { availableParallelism, cpus } from 'node:os'
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { RawClient, startGuarded } from '../../conformance/support/gateway.ts'
import { Agent } from '../../packages/agent/src/index.ts'
import { InstanceKey } from '../../packages/agent/src/key.ts'
import { dpopProof } from '../../packages/agent/src/proof.ts'
import { verifyProof } from '../../packages/gateway/src/identity/proofs.ts'
import { Child } from '../mcp-call/child.ts'
import { gatewayConfig } from '../mcp-call/gateway-config.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    tokens: { type: 'string', default: '400' },
    // Each takes an enrolment, of which a gateway takes 30 a minute.
    revocations: { type: 'string', default: '25' },
    workers: { type: 'string', default: '1,2' },
  },
})
const rounds = Number(values.rounds)

const quantile = (sorted: readonly number[], q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
const summary = (list: readonly number[]): string => {
  const sorted = list.toSorted((a, b) => a - b)
  return [0.5, 0.99].map((q) => quantile(sorted, q).toFixed(2)).join(' / ')
}

/** One proof, verified in this process: CPU and nothing else. */
function proofs(): string {
  const key = InstanceKey.create()
  const url = 'https://gw.example/mcp/files'
  const perProof: number[] = []
  for (let round = 0; round <= rounds; round++) {
    const made = Array.from({ length: 2000 }, () =>
      dpopProof(key, { method: 'POST', url, accessToken: 't', body: '{}' }),
    )
    const before = process.cpuUsage()
    for (const proof of made)
      verifyProof({ proof, method: 'POST', url, now: Date.now(), windowMs: 60_000, accessToken: 't' })
    const { user, system } = process.cpuUsage(before)
    if (round > 0) perProof.push((user + system) / made.length)
  }
  return `${quantile(
    perProof.toSorted((a, b) => a - b),
    0.5,
  ).toFixed(1)} µs CPU`
}

const rows: string[][] = []
for (const workers of values.workers.split(',').map(Number)) {
  await using upstream = Child.start('../mcp-call/echo-server.ts')
  const { url } = await upstream.read<{ url: string }>()
  process.env.OSTIARY_TEST_WORKERS = String(workers)
  await using gateway = await startGuarded({ ...gatewayConfig(url), workers })
  await gateway.approveAll('bench')
  const stateDir = await gateway.enrol('bench')

  // Tokens: each a client assertion, a DPoP proof, a task that is looked up, a log entry and a row.
  const rates: number[] = []
  for (let round = 0; round <= rounds; round++) {
    await using agent = new Agent({ stateDir })
    const { task } = await agent.openTask({ template: 'bench' })
    const count = Number(values.tokens)
    const start = performance.now()
    // A fresh agent object has no token, so each asks for one.
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        for (let i = 0; i < count / 16; i++) {
          await using asking = new Agent({ stateDir })
          await asking.authorize(task.id, { method: 'GET', url: `${gateway.url}/x` })
        }
      }),
    )
    if (round > 0) rates.push(count / ((performance.now() - start) / 1000))
    await agent.closeTask(task.id)
  }

  // From asking for a revocation to the first refusal, while a client calls without a pause.
  const untilAnswer: number[] = []
  const untilRefusal: number[] = []
  let late = 0
  for (let i = 0; i < Number(values.revocations); i++) {
    await using client = await RawClient.open(await gateway.enrol('revoked'), 'bench', '/mcp/bench')
    await client.initialize()
    const calls: { at: number; ok: boolean }[] = []
    const loop = (async () => {
      for (;;) {
        const at = performance.now()
        const ok = await client.call('echo', { text: 'x' }).then(
          ({ code, status }) => code === undefined && status === 200,
          () => false,
        )
        calls.push({ at, ok })
        if (!ok) return performance.now()
      }
    })()
    while (calls.length < 3) await new Promise((next) => setImmediate(next))
    const asked = performance.now()
    await gateway.control('POST', `/instances/${client.agent.identity.instance}/revoke`)
    const answered = performance.now()
    untilAnswer.push(answered - asked)
    untilRefusal.push((await loop) - asked)
    late += calls.filter(({ at, ok }) => ok && at > answered).length
  }
  rows.push([
    String(workers),
    quantile(
      rates.toSorted((a, b) => a - b),
      0.5,
    ).toFixed(0),
    summary(untilAnswer),
    summary(untilRefusal),
    String(late),
  ])
}

console.log(`${cpus()[0]?.model ?? 'unknown'}, ${availableParallelism()} cores, Node ${process.version}`)
console.log(`verifying one DPoP proof: ${proofs()}`)
console.log(
  '| workers | tokens/s | revocation answered, ms p50 / p99 | first refusal, ms p50 / p99 | calls begun after the answer that passed |',
)
console.log('|---|---|---|---|---|')
for (const row of rows) console.log(`| ${row.join(' | ')} |`)
