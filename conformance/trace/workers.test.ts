import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { Agent as Connections, request } from 'node:http'
import { after, before, test } from 'node:test'
import { Collector } from '../support/collector.ts'
import { freePort } from '../support/documents.ts'
import type { GuardedGateway } from '../support/gateway.ts'
import { RawClient, startGuarded } from '../support/gateway.ts'
import { ToolServer } from '../support/tool-server.ts'

let tools: ToolServer
let collector: Collector
let gateway: GuardedGateway
let client: RawClient
let metricsUrl: string

before(async () => {
  tools = await ToolServer.start()
  collector = await Collector.start()
  const port = await freePort()
  metricsUrl = `http://127.0.0.1:${port}/metrics`
  gateway = await startGuarded({
    workers: 2,
    servers: { files: { url: tools.url, reverify: '1h' } },
    tasks: { work: { purpose: 'Test', agents: ['*'], tools: { 'files/echo': {} } } },
    telemetry: {
      traces: { endpoint: collector.url },
      metrics: { listen: `127.0.0.1:${port}` },
    },
  })
  await gateway.approveAll('files')
  client = await RawClient.open(await gateway.enrol('bot'), 'work', '/mcp/files')
  await client.initialize()
})

after(async () => {
  await client?.[Symbol.asyncDispose]()
  await gateway?.[Symbol.asyncDispose]()
  await collector?.[Symbol.asyncDispose]()
  await tools?.[Symbol.asyncDispose]()
})

/** One request on a connection of its own: the kernel chooses a worker for each new connection. */
async function alone(method: string, path: string, headers: Record<string, string>, body?: string) {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>()
  const agent = new Connections({ keepAlive: false })
  const req = request(gateway.url + path, { method, agent, headers }, async (res) => {
    resolve({ status: res.statusCode ?? 0, text: Buffer.concat(await res.toArray()).toString() })
  })
  req.on('error', reject)
  req.end(body)
  return await promise
}

async function call(): Promise<void> {
  const body =
    '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{"text":"a"}}}'
  const url = `${gateway.url}/mcp/files`
  const proof = await client.agent.authorize(client.task, { method: 'POST', url, body: Buffer.from(body) })
  const { status } = await alone('POST', '/mcp/files', { ...client.baseHeaders(), ...proof }, body)
  assert.equal(status, 200)
}

async function counted(): Promise<number> {
  const text = await (await fetch(metricsUrl)).text()
  return Number(/^ostiary_tool_calls_total\{[^}]*result="ok"\} (\d+)$/m.exec(text)?.[1])
}

let calls = 0

test('each worker sends its own spans, as an instance of its own', async () => {
  const instances = new Set<unknown>()
  let spans: Awaited<ReturnType<typeof collector.received>> = []
  // Nobody promises that the second of two workers gets one of the first few.
  for (let round = 0; round < 8 && instances.size < 2; round++) {
    for (let i = 0; i < 8; i++, calls++) await call()
    spans = await collector.received(({ name }) => name === 'tools/call echo', calls)
    for (const { resource } of spans) instances.add(resource['service.instance.id'])
  }
  assert.ok(instances.size >= 2)
  assert.equal(new Set(spans.map(({ spanId }) => spanId)).size, spans.length)
})

test('what all workers counted is added up, and stays when one of them dies', async () => {
  assert.equal(await counted(), calls)
  if (process.platform !== 'linux') return
  const { pid } = await gateway.control<{ pid: number }>('GET', '/status')
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number)
  const worker = children.find((child) =>
    readFileSync(`/proc/${child}/cmdline`, 'utf8').includes('worker.ts'),
  )
  process.kill(worker as number, 'SIGKILL')
  for (let i = 0; i < 20; i++) assert.ok((await counted()) >= calls)
})

test('whatever runs the gateway learns from each worker whether it is live and ready, by any name', async () => {
  for (let i = 0; i < 4; i++) {
    for (const [path, status] of [
      ['/live', 'live'],
      ['/ready', 'ready'],
    ] as const) {
      const answer = await alone('GET', path, { host: '10.1.2.3:7770' })
      assert.equal(answer.status, 200)
      assert.deepEqual(JSON.parse(answer.text), { status })
    }
  }
})
