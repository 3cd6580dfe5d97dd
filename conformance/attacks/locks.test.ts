import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ControlClient } from '../../packages/gateway/src/cli/control-client.ts'
import type { GuardedGateway } from '../support/gateway.ts'
import { RawClient, startGuarded } from '../support/gateway.ts'
import { ToolServer } from '../support/tool-server.ts'

let tools: ToolServer
let gateway: GuardedGateway
let client: RawClient

before(async () => {
  tools = await ToolServer.start()
  gateway = await startGuarded({
    servers: { files: { url: tools.url } },
    tasks: {
      work: { purpose: 'Test', agents: ['*'], tools: { 'files/echo': {} } },
      short: { purpose: 'Test', agents: ['*'], tools: { 'files/echo': {} }, lifetime: '1s' },
      small: { purpose: 'Test', agents: ['*'], tools: { 'files/echo': {} }, budget: { calls: 3 } },
    },
  })
  await gateway.approveAll('files')
  client = await RawClient.open(await gateway.enrol('bot'), 'work', '/mcp/files')
  await client.initialize()
})

after(async () => {
  await client?.[Symbol.asyncDispose]()
  await gateway?.[Symbol.asyncDispose]()
  await tools?.[Symbol.asyncDispose]()
})

const SCOPES = ['global', 'agent', 'instance', 'task', 'server', 'tool'] as const

for (const scope of SCOPES) {
  test(`a lock on ${scope} refuses the next call and ends the open one`, async () => {
    const reached = Promise.withResolvers<void>()
    tools.behave = () => {
      reached.resolve()
      return undefined
    }
    const open = client.call('echo', { text: 'open' })
    await reached.promise
    const targets = {
      global: '*',
      agent: 'bot',
      instance: client.agent.identity.instance,
      task: client.task,
      server: 'files',
      tool: 'files/echo',
    }
    const { lock } = await gateway.control<{ lock: { id: string } }>('POST', '/locks', {
      scope,
      target: targets[scope],
      why: 'a drill',
    })
    assert.equal((await open).code, 'LOCKED', 'the open call went on')
    tools.behave = () => ({ content: [] })
    const reachedBefore = tools.calls.length
    const refused = await client.call('echo')
    assert.equal(refused.code, 'LOCKED')
    assert.match(refused.text, /a drill/)
    assert.equal(tools.calls.length, reachedBefore)
    await gateway.control('POST', `/locks/${lock.id}/lift`)
    assert.equal((await client.call('echo')).code, undefined, 'lifting did not let work go on')
  })
}

test('a lock survives a restart', async () => {
  const { lock } = await gateway.control<{ lock: { id: string } }>('POST', '/locks', {
    scope: 'global',
    why: 'overnight',
  })
  await gateway.kill('SIGKILL')
  await gateway.start()
  assert.equal((await client.call('echo')).code, 'LOCKED')
  await gateway.control('POST', `/locks/${lock.id}/lift`)
})

test('a locked agent opens no task, and that it tried is recorded', async () => {
  const { lock } = await gateway.control<{ lock: { id: string } }>('POST', '/locks', {
    scope: 'agent',
    target: 'bot',
    why: 'a drill',
  })
  await assert.rejects(client.agent.openTask({ template: 'work' }), /a drill/)
  const entries = await new ControlClient(gateway.dataDir).text('GET', '/audit/entries?count=5')
  const refusals = entries.split('\n').filter((line) => line.includes('"task.refused"'))
  assert.equal(refusals.length, 1)
  assert.ok(refusals[0]?.includes(lock.id))
  await gateway.control('POST', `/locks/${lock.id}/lift`)
})

test('of two locks on one target, lifting one leaves the other', async () => {
  const set = () =>
    gateway.control<{ lock: { id: string } }>('POST', '/locks', {
      scope: 'server',
      target: 'files',
      why: 'x',
    })
  const [first, second] = [await set(), await set()]
  await gateway.control('POST', `/locks/${second.lock.id}/lift`)
  assert.equal((await client.call('echo')).code, 'LOCKED')
  await gateway.control('POST', `/locks/${first.lock.id}/lift`)
})

test('a task past its deadline gives no access', async () => {
  const late = await RawClient.open(await gateway.enrol('bot'), 'short', '/mcp/files')
  await late.initialize()
  const tasks = async () => (await gateway.control<{ tasks: { id: string }[] }>('GET', '/tasks')).tasks
  while ((await tasks()).some((task) => task.id === late.task))
    await new Promise((tick) => setTimeout(tick, 50))
  await assert.rejects(late.call('echo'), /has ended|token/)
  await late[Symbol.asyncDispose]()
})

test('racing calls cannot spend more than the budget', async () => {
  tools.behave = () => ({ content: [] })
  const spender = await RawClient.open(await gateway.enrol('bot'), 'small', '/mcp/files')
  await spender.initialize()
  const answers = await Promise.all(Array.from({ length: 20 }, () => spender.call('echo')))
  assert.equal(answers.filter((answer) => answer.code === undefined).length, 3)
  assert.equal(answers.filter((answer) => answer.code === 'BUDGET_SPENT').length, 17)
  await gateway.kill('SIGKILL')
  await gateway.start()
  assert.equal((await spender.call('echo')).code, 'BUDGET_SPENT', 'a crash gave the budget back')
  await spender[Symbol.asyncDispose]()
})

test('a second gateway on the same folder is refused', async () => {
  const { spawnSync } = await import('node:child_process')
  const { BIN } = await import('../support/gateway.ts')
  const second = spawnSync(process.execPath, [BIN, 'up'], {
    cwd: gateway.dir,
    encoding: 'utf8',
    timeout: 20_000,
  })
  assert.equal(second.status, 1)
  assert.match(second.stderr, /Another gateway \(process \d+\) is running/)
})
