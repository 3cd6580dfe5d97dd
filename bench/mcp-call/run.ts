import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { RawClient, startGuarded } from '../../conformance/support/gateway.ts'
import { Child } from './child.ts'
import { gatewayConfig } from './gateway-config.ts'
import type { Job, Round } from './job.ts'
import { table } from './table.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    calls: { type: 'string', default: '2000' },
    connections: { type: 'string', default: '1,16,64' },
    payloads: { type: 'string', default: '300,20000' },
  },
})
const numbers = (list: string) => list.split(',').map(Number)

interface Target extends Pick<Job, 'url' | 'pid' | 'proof'> {
  readonly name: string
}

export interface Row {
  readonly payload: number
  readonly connections: number
  readonly target: string
  readonly rounds: readonly Round[]
}

await using upstream = Child.start('echo-server.ts')
const { url } = await upstream.read<{ url: string }>()
await using sdk = Child.start('sdk-proxy.ts', [url])
const sdkUrl = (await sdk.read<{ url: string }>()).url
await using gateway = await startGuarded(gatewayConfig(url))
await gateway.approveAll('bench')
const stateDir = await gateway.enrol('bench')
const client = await RawClient.open(stateDir, 'bench', '/mcp/bench')
const { pid } = await gateway.control<{ pid: number }>('GET', '/status')
await using load = Child.start('load.ts')

const targets: Target[] = [
  { name: 'direct', url, pid: upstream.pid },
  { name: 'sdk-proxy', url: sdkUrl, pid: sdk.pid },
  { name: 'ostiary', url: `${gateway.url}/mcp/bench`, pid, proof: { stateDir, task: client.task } },
]
await client[Symbol.asyncDispose]()

const calls = Number(values.calls)
const rows: Row[] = []
for (const payload of numbers(values.payloads)) {
  for (const connections of numbers(values.connections)) {
    const rounds = new Map<string, Round[]>(targets.map(({ name }) => [name, []]))
    // The first round warms up and does not count.
    for (let round = 0; round <= Number(values.rounds); round++) {
      for (const { name, ...target } of targets) {
        const measured = await load.ask<Round>({ ...target, connections, calls, payload } satisfies Job)
        if (round > 0) rounds.get(name)?.push(measured)
      }
    }
    for (const [target, measured] of rounds) rows.push({ payload, connections, target, rounds: measured })
  }
}

console.log(table(rows))
const results = join(import.meta.dirname, 'results')
mkdirSync(results, { recursive: true })
writeFileSync(
  join(results, 'latest.json'),
  `${JSON.stringify({ node: process.version, calls, rows }, (_key, value) => (typeof value === 'number' ? Number(value.toFixed(3)) : value))}\n`,
)
