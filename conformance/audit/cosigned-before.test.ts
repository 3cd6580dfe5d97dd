import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openWitnessed, parseReceipt } from '../../packages/evidence/src/index.ts'
import { RawClient } from '../support/gateway.ts'
import { ToolServer } from '../support/tool-server.ts'
import type { WitnessedGateway } from '../support/witness.ts'
import { eventually, startWitnessed } from '../support/witness.ts'

/** Two workers, so that the wait is seen to work from a process that does not own the log. */

let tools: ToolServer
let scene: WitnessedGateway
let client: RawClient

before(async () => {
  tools = await ToolServer.start()
  const { inputSchema } = tools.tools[0] as { inputSchema: object }
  tools.tools.push({ name: 'pay', description: 'Pay.', inputSchema })
  scene = await startWitnessed(
    {
      workers: 2,
      servers: { files: { url: tools.url } },
      tasks: { work: { purpose: 'Test', agents: ['*'], tools: { 'files/*': {} }, budget: { calls: 20 } } },
    },
    { count: 2, quorum: 'all', audit: { cosigned_before: { tools: ['files/pay'], timeout: '4s' } } },
  )
  const { gateway } = scene
  await gateway.approveAll('files')
  client = await RawClient.open(await gateway.enrol('bot'), 'work', '/mcp/files')
  await client.initialize()
})

after(async () => {
  await client?.[Symbol.asyncDispose]()
  await scene?.[Symbol.asyncDispose]()
  await tools?.[Symbol.asyncDispose]()
})

const reached = (name: string) => tools.calls.filter((call) => call.name === name).length

test('a call that needs a cosignature is made only after a quorum has cosigned the record of its intent', async () => {
  let cosignedFirst = false
  tools.behave = (name) => {
    if (name === 'pay') void look()
    return { content: [] }
  }
  const { promise: looked, resolve } = Promise.withResolvers<void>()
  const look = async () => {
    const { level } = await scene.gateway.control<{ level: { witnessedSize: number } }>('GET', '/audit')
    const entries = await scene.gateway.control<{ entry: { type: string } }>(
      'GET',
      `/audit/entries/${level.witnessedSize - 1}`,
    )
    cosignedFirst = entries.entry.type === 'call.intent'
    resolve()
  }
  const { json, code } = await client.call('pay', { text: 'x' })
  assert.equal(code, undefined)
  await looked
  assert.ok(cosignedFirst, 'the intent is the newest witnessed entry while the call is at the server')
  const { index } = json.result._meta['io.ostiary/receipt']
  const { receipt } = await scene.gateway.control<{ receipt: string }>('GET', `/audit/entries/${index}`)
  const opened = await openWitnessed(parseReceipt(receipt)?.checkpoint ?? '', scene.policy)
  assert.equal(opened?.isQuorum, true)
})

test('without a quorum in time the call is denied with its reason, recorded, and never reaches the server; others go on', async () => {
  const [, second] = scene.witnesses
  await second?.kill('SIGKILL')
  const already = reached('pay')
  const [denied, other] = await Promise.all([
    client.call('pay', { text: 'x' }),
    client.call('echo', { text: 'y' }),
  ])
  assert.equal(denied.code, 'NOT_COSIGNED')
  assert.equal(other.code, undefined)
  assert.equal(other.json.result.content.length, 0)
  assert.equal(reached('pay'), already)
  const { entry } = await lastDenied()
  assert.deepEqual([entry.data.code, entry.data.stage, entry.data.name], ['NOT_COSIGNED', 'record', 'pay'])
  await second?.start()
  assert.equal(
    (await client.call('pay', { text: 'x' })).code,
    undefined,
    'it goes on when the witness is back',
  )
})

async function lastDenied() {
  const { size } = await scene.gateway.control<{ size: number }>('GET', '/audit')
  for (let index = size - 1; index >= 0; index--) {
    const found = await scene.gateway.control<{ entry: { type: string; data: Record<string, unknown> } }>(
      'GET',
      `/audit/entries/${index}`,
    )
    if (found.entry.type === 'call.denied') return found
  }
  throw new Error('no denial is recorded')
}

test('a lock that comes while a call waits for witnesses stops it', async () => {
  const [, second] = scene.witnesses
  const already = reached('pay')
  const { size } = await scene.gateway.control<{ size: number }>('GET', '/audit')
  second?.signal('SIGSTOP')
  const waiting = client.call('pay', { text: 'x' })
  await eventually(async () => {
    const { size: now } = await scene.gateway.control<{ size: number }>('GET', '/audit')
    return now > size ? now : undefined
  })
  const { lock } = await scene.gateway.control<{ lock: { id: string } }>('POST', '/locks', {
    scope: 'server',
    target: 'files',
    why: 'test',
  })
  second?.signal('SIGCONT')
  assert.equal((await waiting).code, 'LOCKED')
  assert.equal(reached('pay'), already)
  await scene.gateway.control('POST', `/locks/${lock.id}/lift`, { why: 'over' })
})
