import assert from 'node:assert/strict'
import { request } from 'node:http'
import { after, before, test } from 'node:test'
import { Agent } from '../../packages/agent/src/index.ts'
import type { GuardedGateway } from '../support/gateway.ts'
import { RawClient, startGuarded } from '../support/gateway.ts'
import { ToolServer } from '../support/tool-server.ts'

let tools: ToolServer
let gateway: GuardedGateway

before(async () => {
  tools = await ToolServer.start()
  gateway = await startGuarded({
    servers: { files: { url: tools.url, reverify: '1h' } },
    tasks: { work: { purpose: 'Test', agents: ['*'], tools: { 'files/echo': {} } } },
  })
  await gateway.approveAll('files')
})

after(async () => {
  await gateway?.[Symbol.asyncDispose]()
  await tools?.[Symbol.asyncDispose]()
})

interface Shown {
  readonly instances: readonly {
    readonly id: string
    readonly method: string
    readonly keys: readonly { readonly jkt: string; readonly state: string }[]
  }[]
}
const keysOf = async (name: string, instance: string) => {
  const { instances } = await gateway.control<Shown>('GET', `/agents/${name}`)
  return instances.find(({ id }) => id === instance)
}

test('an instance that is told to takes a new key by itself, and work goes on with both', async () => {
  const stateDir = await gateway.enrol('rotating')
  await using client = await RawClient.open(stateDir, 'work', '/mcp/files')
  await client.initialize()
  const { instance } = client.agent.identity
  const before = client.agent.thumbprint
  await gateway.control('POST', `/instances/${instance}/rotate`)
  assert.equal((await keysOf('rotating', instance))?.keys[0]?.state, 'due')
  assert.equal((await client.call('echo', { text: 'x' })).code, undefined)
  // The next token tells the agent.
  await using again = new Agent({ stateDir })
  await again.openTask({ template: 'work' })
  while (again.thumbprint === before) await new Promise((next) => setImmediate(next))
  const states = (await keysOf('rotating', instance))?.keys.map(({ state }) => state).sort()
  assert.deepEqual(states, ['active', 'retiring'])
  assert.equal((await client.call('echo', { text: 'x' })).code, undefined)
})

test('an agent whose sponsor left, or whose review is overdue, starts nothing new, and what it does goes on', async () => {
  const stateDir = await gateway.enrol('orphan')
  await using client = await RawClient.open(stateDir, 'work', '/mcp/files')
  await client.initialize()
  const left = await gateway.control<{ agents: number }>('POST', '/sponsors/left', {
    sponsor: 'alice@example.org',
  })
  assert.ok(left.agents >= 1)
  await assert.rejects(client.agent.openTask({ template: 'work' }), { code: 'AGENT_SPONSOR_LEFT' })
  assert.equal((await client.call('echo', { text: 'x' })).code, undefined)
  const due = await gateway.control<{ agents: { name: string }[] }>('GET', '/reviews')
  assert.ok(due.agents.some(({ name }) => name === 'orphan'))
  await gateway.control('POST', '/agents/orphan/sponsor', { sponsor: 'dr-lee@example.org' })
  await client.agent.openTask({ template: 'work' })
})

test('a paused task does nothing until it is resumed', async () => {
  await using client = await RawClient.open(await gateway.enrol('pausing'), 'work', '/mcp/files')
  await gateway.control('POST', '/agents/pausing/sponsor', { sponsor: 'dr-lee@example.org' })
  await client.initialize()
  await gateway.control('POST', `/tasks/${client.task}/pause`)
  assert.equal((await client.call('echo', { text: 'x' })).code, 'TASK_PAUSED')
  await gateway.control('POST', `/tasks/${client.task}/resume`)
  assert.equal((await client.call('echo', { text: 'x' })).code, undefined)
})

test('introspection tells an instance of its own tokens, and of no other', async () => {
  const one = new Agent({ stateDir: await gateway.enrol('seer') })
  const two = new Agent({ stateDir: await gateway.enrol('seer') })
  await gateway.control('POST', '/agents/seer/sponsor', { sponsor: 'dr-lee@example.org' })
  try {
    const { task } = await one.openTask({ template: 'work' })
    const token = await one.authorize(task.id, { method: 'GET', url: `${gateway.url}/x` })
    const value = token.authorization.slice('DPoP '.length)
    const own = await one.introspect(value)
    assert.deepEqual([own.active, own.task, own.token_type], [true, task.id, 'DPoP'])
    assert.deepEqual(await two.introspect(value), { active: false })
    assert.deepEqual(await one.introspect('ost_nonsense'), { active: false })
    await one.closeTask(task.id)
    assert.deepEqual(await one.introspect(value), { active: false })
  } finally {
    await one[Symbol.asyncDispose]()
    await two[Symbol.asyncDispose]()
  }
})

test('a body whose length is not said is refused before it is read', async () => {
  const status = await new Promise<number | string | undefined>((done) => {
    const req = request(`${gateway.url}/oauth/token`, { method: 'POST' }, (res) => {
      res.resume()
      done(res.statusCode)
    })
    req.on('error', (error: NodeJS.ErrnoException) => done(error.code))
    req.write('x'.repeat(100_000))
    req.end()
  })
  assert.equal(status, 400)
})
