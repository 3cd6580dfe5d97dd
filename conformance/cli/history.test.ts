import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { GuardedGateway } from '../support/gateway.ts'
import { BIN, RawClient, startGuarded } from '../support/gateway.ts'
import { ToolServer } from '../support/tool-server.ts'

let tools: ToolServer
let gateway: GuardedGateway

before(async () => {
  tools = await ToolServer.start()
  gateway = await startGuarded({
    servers: { files: { url: tools.url } },
    tasks: { work: { purpose: 'Test', agents: ['*'], tools: { 'files/echo': {} } } },
  })
  await gateway.approveAll('files')
})

after(async () => {
  await gateway?.[Symbol.asyncDispose]()
  await tools?.[Symbol.asyncDispose]()
})

const ostiary = (...args: string[]) =>
  spawnSync(process.execPath, [BIN, '--config', join(gateway.dir, 'ostiary.yaml'), ...args], {
    encoding: 'utf8',
    timeout: 60_000,
  })

test('everything an identity did is told from the log, by instance', async () => {
  const first = await RawClient.open(await gateway.enrol('bot'), 'work', '/mcp/files')
  const second = await RawClient.open(await gateway.enrol('bot'), 'work', '/mcp/files')
  const other = await RawClient.open(await gateway.enrol('other'), 'work', '/mcp/files')
  for (const client of [first, second, other]) await client.initialize()
  await first.call('echo', { text: 'x' })
  assert.equal((await second.call('erase')).code, 'TOOL_UNKNOWN')
  await gateway.control('POST', '/agents/bot/suspend')

  const { status, stdout } = ostiary('agent', 'history', 'bot', '--json')
  assert.equal(status, 0)
  const { entries } = JSON.parse(stdout) as {
    entries: { type: string; actor: { agent?: string; instance?: string }; data: { name?: string } }[]
  }
  const types = new Set(entries.map(({ type }) => type))
  for (const type of [
    'agent.added',
    'instance.enrolled',
    'token.issued',
    'task.opened',
    'call.intent',
    'call.outcome',
    'call.denied',
    'agent.suspended',
    'task.closed',
  ]) {
    assert.ok(types.has(type), type)
  }
  const instances = new Set(entries.flatMap(({ actor }) => actor.instance ?? []))
  assert.deepEqual(instances, new Set([first.agent.identity.instance, second.agent.identity.instance]))

  const one = ostiary('agent', 'history', 'bot', '--instance', second.agent.identity.instance)
  assert.match(one.stdout, /code=TOOL_UNKNOWN/)
  assert.doesNotMatch(one.stdout, new RegExp(first.agent.identity.instance))

  const foreign = ostiary('agent', 'history', 'bot', '--instance', other.agent.identity.instance)
  assert.equal(foreign.status, 1)
  assert.match(foreign.stderr, /instance/i)
  for (const client of [first, second, other]) await client[Symbol.asyncDispose]()
})
