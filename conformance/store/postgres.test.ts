import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { TestStore } from '../../packages/gateway/src/store/testing.ts'
import { postgresStore, run, withoutPostgres } from '../../packages/gateway/src/store/testing.ts'
import { Wire } from '../../packages/gateway/src/store/testing-wire.ts'
import type { GuardedGateway } from '../support/gateway.ts'
import { RawClient, startGuarded } from '../support/gateway.ts'
import { ToolServer } from '../support/tool-server.ts'

const skip = withoutPostgres()
const PASSWORD = 'n0t-for-the-log'

let place: TestStore
let wire: Wire
let tools: ToolServer
const gateways: GuardedGateway[] = []
const account = `ostiary_conformance_${process.pid}`

/** A gateway that uses the database at this address, as an account with a password. */
async function startOnPostgres(address: string): Promise<GuardedGateway> {
  const url = new URL(address)
  url.username = account
  url.password = PASSWORD
  const gateway = await startGuarded(
    {
      store: { kind: 'postgres', url: { env: 'OSTIARY_DATABASE' } },
      servers: { files: { url: tools.url } },
      tasks: { work: { purpose: 'Test', agents: ['*'], tools: { 'files/echo': {} } } },
    },
    { OSTIARY_DATABASE: url.href },
  )
  gateways.push(gateway)
  return gateway
}

async function openClient(gateway: GuardedGateway): Promise<RawClient> {
  const client = await RawClient.open(await gateway.enrol('bot'), 'work', '/mcp/files')
  await client.initialize()
  return client
}

/** Calls until the answer is as awaited; the time limit of the test is the end of patience. */
async function callUntil(client: RawClient, code: string | undefined): Promise<void> {
  while ((await client.call('echo', { text: 'x' })).code !== code)
    await new Promise((next) => setImmediate(next))
}

before(async () => {
  if (skip) return
  place = await postgresStore()
  await run(place.location, `create role ${account} login password '${PASSWORD}'`)
  await run(place.location, `grant all on schema public to ${account}`)
  wire = await Wire.to(place.location)
  tools = await ToolServer.start()
})

after(async () => {
  for (const gateway of gateways) await gateway[Symbol.asyncDispose]()
  await tools?.[Symbol.asyncDispose]()
  await wire?.[Symbol.asyncDispose]()
  if (!place) return
  await run(place.location, `drop owned by ${account}`)
  await run(place.location, `drop role ${account}`)
  await place.dispose()
})

test('a gateway on PostgreSQL guards a session, refuses while the database is away, and goes on when it is back', {
  skip,
}, async () => {
  const gateway = await startOnPostgres(wire.url)
  await gateway.approveAll('files')
  await using client = await openClient(gateway)
  assert.equal((await client.call('echo', { text: 'x' })).code, undefined)
  assert.equal((await client.call('other')).code, 'TOOL_UNKNOWN')

  wire.cut()
  await callUntil(client, 'LOCKS_STALE')
  const reached = tools.calls.length
  const refused = await client.call('echo', { text: 'x' })
  assert.equal(refused.code, 'LOCKS_STALE')
  assert.match(refused.text, /cannot be confirmed which locks and revocations are in force/)
  assert.equal(tools.calls.length, reached, 'a call got through while revocations could not be known')
  await assert.rejects(openClient(gateway), /database of the gateway cannot be reached/)
  await assert.rejects(client.agent.openTask({ template: 'work' }), /cannot be confirmed/)

  wire.mend()
  await callUntil(client, undefined)
  await using _another = await openClient(gateway)

  for (const file of readdirSync(gateway.dataDir, { recursive: true, withFileTypes: true })) {
    if (!file.isFile()) continue
    assert.ok(
      !readFileSync(join(file.parentPath, file.name)).includes(PASSWORD),
      `the password is in ${file.name}`,
    )
  }
  assert.ok(!gateway.errors().includes(PASSWORD), 'the password is in the error output')
})

test('a lock set at one gateway stops the calls of another on the same database', { skip }, async () => {
  const [here] = gateways as [GuardedGateway]
  const there = await startOnPostgres(place.location)
  await using client = await openClient(here)
  const { lock } = await there.control<{ lock: { id: string } }>('POST', '/locks', {
    scope: 'server',
    target: 'files',
    why: 'a drill',
  })
  await callUntil(client, 'LOCKED')
  await there.control('POST', `/locks/${lock.id}/lift`)
  await callUntil(client, undefined)
})

test('an agent suspended at one gateway is refused by another on the same database', { skip }, async () => {
  const [here, there] = gateways as [GuardedGateway, GuardedGateway]
  await using client = await openClient(here)
  await there.control('POST', '/agents/bot/suspend')
  await callUntil(client, 'AGENT_SUSPENDED')
  await there.control('POST', '/agents/bot/resume')
})

test('what was locked and suspended elsewhere while the database was away holds from the first call on', {
  skip,
}, async () => {
  const [here, there] = gateways as [GuardedGateway, GuardedGateway]
  await using client = await openClient(here)
  wire.cut()
  await callUntil(client, 'LOCKS_STALE')
  await there.control('POST', '/agents/bot/suspend')
  await there.control('POST', '/locks', { scope: 'global', why: 'overnight' })
  wire.mend()
  const codes = new Set<string | undefined>()
  while (!codes.has('AGENT_SUSPENDED')) codes.add((await client.call('echo', { text: 'x' })).code)
  assert.deepEqual([...codes], ['LOCKS_STALE', 'AGENT_SUSPENDED'])
  await there.control('POST', '/agents/bot/resume')
  await assert.rejects(openClient(here), /overnight/)
})

test('a gateway whose database is away does not start, and says why without the password', {
  skip,
}, async () => {
  wire.cut()
  try {
    await assert.rejects(startOnPostgres(wire.url), (error) => {
      assert.match(String(error), /The database at 127\.0\.0\.1:\d+\/\w+ cannot be used/)
      assert.doesNotMatch(String(error), new RegExp(PASSWORD))
      return true
    })
  } finally {
    wire.mend()
  }
})
