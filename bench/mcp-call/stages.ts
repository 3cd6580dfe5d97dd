import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { pino } from 'pino'
import { RawClient } from '../../conformance/support/gateway.ts'
import { enrol } from '../../packages/agent/src/index.ts'
import { ControlClient } from '../../packages/gateway/src/cli/control-client.ts'
import { Child } from './child.ts'
import { gatewayConfig } from './gateway-config.ts'
import type { Round } from './job.ts'
import { median } from './table.ts'
import { times } from './timed-pipeline.ts'

// The gateway in this process, its stages timed from outside: only here does mcp.ts import another pipeline. With --heap, what
// is left of the heap after each part of many calls instead.

const { values } = parseArgs({
  options: {
    calls: { type: 'string', default: '2000' },
    connections: { type: 'string', default: '1' },
    payload: { type: 'string', default: '300' },
    policy: { type: 'string' },
    heap: { type: 'boolean', default: false },
  },
})

if (!values.heap) {
  registerHooks({
    resolve(specifier, context, next) {
      const ours = specifier === './pipeline.ts' && context.parentURL?.endsWith('/gateway/mcp.ts')
      return ours
        ? next('./timed-pipeline.ts', { ...context, parentURL: import.meta.url })
        : next(specifier, context)
    },
  })
}
const { startGateway } = await import('../../packages/gateway/src/main.ts')
const { loadConfig } = await import('../../packages/gateway/src/config/load.ts')

await using upstream = Child.start('echo-server.ts')
const { url } = await upstream.read<{ url: string }>()
const dir = mkdtempSync(join(tmpdir(), 'ostiary-bench-'))
const config = {
  version: 1,
  listen: { port: 0 },
  segments: { agents: { agents: ['*'] }, servers: { servers: ['*'] } },
  routes: [{ from: 'agents', to: 'servers' }],
  ...gatewayConfig(url),
  // Short, so that the memory of used proofs turns over during a heap run.
  ...(values.heap ? { tokens: { proof_window: '10s' } } : {}),
  ...(values.policy === undefined ? {} : { policies: ['own.cedar'] }),
}
if (values.policy !== undefined) writeFileSync(join(dir, 'own.cedar'), values.policy)
writeFileSync(join(dir, 'ostiary.yaml'), JSON.stringify(config))
try {
  await using gateway = await startGateway(loadConfig(join(dir, 'ostiary.yaml')), pino({ level: 'error' }))
  const control = <T = unknown>(path: string, body?: object) =>
    new ControlClient(gateway.dataDir).call<T>('POST', path, body)
  await control('/tools/refresh', { server: 'bench' })
  await control('/tools/bench/*/approve', { despite: true })
  await control('/agents', { name: 'bench', sponsor: 'alice@example.org' })
  const { code } = await control<{ code: string }>('/agents/bench/enrol')
  const stateDir = join(dir, 'bench')
  await enrol({ gateway: gateway.url, code, stateDir })
  const client = await RawClient.open(stateDir, 'bench', '/mcp/bench')
  await using load = Child.start('load.ts')
  const job = {
    url: `${gateway.url}/mcp/bench`,
    pid: process.pid,
    proof: { stateDir, task: client.task },
    connections: Number(values.connections),
    calls: Number(values.calls),
    payload: Number(values.payload),
  }
  await client[Symbol.asyncDispose]()
  await load.ask<Round>(job)
  if (values.heap) await heap(() => load.ask<Round>(job))
  else {
    for (const taken of times.values()) taken.length = 0
    const round = await load.ask<Round>(job)
    for (const [stage, taken] of times) console.log(`${stage} | ${(median(taken) * 1000).toFixed(1)}`)
    console.log(round)
  }
} finally {
  rmSync(dir, { recursive: true, force: true })
}

async function heap(more: () => Promise<unknown>): Promise<void> {
  const { gc } = globalThis
  if (!gc) throw new Error('run with --expose-gc')
  const parts = 10
  for (let part = 0; part <= parts; part++) {
    if (part > 0) await more()
    // Twice: what the first collection releases may hold more.
    await gc({ execution: 'async', type: 'major' })
    await gc({ execution: 'async', type: 'major' })
    const { heapUsed, external } = process.memoryUsage()
    console.log(
      `${part * Number(values.calls)} calls | heap ${(heapUsed / 1e6).toFixed(2)} MB | external ${(external / 1e6).toFixed(2)} MB | ${performance.now().toFixed(0)} ms`,
    )
  }
}
