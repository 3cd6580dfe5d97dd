import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { verifyLog } from '../../packages/evidence/src/index.ts'
import type { GuardedGateway } from '../support/gateway.ts'
import { RawClient, startGuarded } from '../support/gateway.ts'
import { ToolServer } from '../support/tool-server.ts'

const ROUNDS = 5
const CLIENTS = 8

let tools: ToolServer
let gateway: GuardedGateway

before(async () => {
  tools = await ToolServer.start()
  gateway = await startGuarded({
    servers: { files: { url: tools.url } },
    tasks: {
      work: { purpose: 'Test', agents: ['*'], tools: { 'files/echo': {} }, lifetime: '1h', idle: '1h' },
    },
  })
  await gateway.approveAll('files')
})

after(async () => {
  await gateway?.[Symbol.asyncDispose]()
  await tools?.[Symbol.asyncDispose]()
})

test(`killed at a random moment under load, ${ROUNDS} times: every answered call has its record, the log verifies, the database opens`, async () => {
  const clients: RawClient[] = []
  while (clients.length < CLIENTS)
    clients.push(await RawClient.open(await gateway.enrol('bot'), 'work', '/mcp/files'))
  await Promise.all(clients.map((client) => client.initialize()))
  const acknowledged = new Map<number, string>()
  for (let round = 0; round < ROUNDS; round++) {
    let dead = false
    const load = clients.map(async (client) => {
      while (!dead) {
        try {
          const { json } = await client.call('echo', { text: 'x' })
          const receipt = json?.result?._meta?.['io.ostiary/receipt']
          if (receipt) acknowledged.set(receipt.index, receipt.leaf)
        } catch {
          return
        }
      }
    })
    // The moment is drawn from the load itself: after so many more answered calls.
    const target = acknowledged.size + 50 + Math.floor(Math.random() * 400)
    while (acknowledged.size < target) await new Promise((tick) => setImmediate(tick))
    await gateway.kill('SIGKILL')
    dead = true
    await Promise.all(load)
    await gateway.start()
    await gateway.control('GET', '/audit')
  }
  const newest = Math.max(...acknowledged.keys())
  for (const [index, leaf] of acknowledged) {
    if (index % 7 !== 0 && index !== newest) continue
    const found = await gateway.control<{ leaf: string; entry: { type: string } }>(
      'GET',
      `/audit/entries/${index}`,
    )
    assert.equal(found.leaf, leaf, `entry ${index} is not the one that was acknowledged`)
    assert.equal(found.entry.type, 'call.intent')
  }
  const { checkpoint } = await gateway.control<{ checkpoint: string }>('GET', '/audit')
  await gateway.kill('SIGTERM')
  const log = join(gateway.dataDir, 'log')
  const vkey = await readFile(join(log, 'vkey'), 'utf8')
  const report = await verifyLog((path) => readFile(join(log, path)).catch(() => undefined), {
    vkey,
    held: checkpoint,
  })
  assert.deepEqual(report.problems, [])
  assert.ok(report.size > newest, 'acknowledged entries are missing')
  await gateway.start()
  const { tasks } = await gateway.control<{ tasks: unknown[] }>('GET', '/tasks')
  assert.equal(tasks.length, CLIENTS, 'the open tasks are gone')
  for (const client of clients) await client[Symbol.asyncDispose]()
})
