import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Part } from '../../packages/agent/src/index.ts'
import { SubAgent } from '../../packages/agent/src/index.ts'
import type { GuardedGateway } from '../support/gateway.ts'
import { RawClient, startGuarded } from '../support/gateway.ts'
import { ToolServer } from '../support/tool-server.ts'

let tools: ToolServer
let gateway: GuardedGateway
let stateDir: string

const tool = (name: string, readOnly = true) => ({
  name,
  description: name,
  inputSchema: { type: 'object', properties: { patient: { type: 'string' }, text: { type: 'string' } } },
  annotations: { readOnlyHint: readOnly },
})

before(async () => {
  tools = await ToolServer.start()
  tools.tools = [tool('read'), tool('write', false)]
  gateway = await startGuarded({
    servers: { ehr: { url: tools.url, reverify: '1h' } },
    tasks: {
      triage: {
        purpose: 'Triage',
        agents: ['lead'],
        tools: { 'ehr/read': { patient: { subject: true } }, 'ehr/write': { patient: { subject: true } } },
        budget: { calls: 10, writes: 2, subjects: 1 },
        subject_arguments: ['patient'],
        delegate: { to: ['helper', 'lead'], depth: 2 },
        step_up: ['more'],
      },
      more: { purpose: 'More', agents: ['lead'], tools: { 'ehr/read': {} }, budget: { calls: 1 } },
      alone: { purpose: 'Alone', agents: ['*'], tools: { 'ehr/read': {} } },
    },
  })
  await gateway.approveAll('ehr')
  stateDir = await gateway.enrol('lead')
  for (const name of ['helper', 'stranger'])
    await gateway.control('POST', '/agents', { name, sponsor: 'dr-lee@example.org' })
})

after(async () => {
  await gateway?.[Symbol.asyncDispose]()
  await tools?.[Symbol.asyncDispose]()
})

const open = async (template = 'triage') => {
  const client = await RawClient.open(stateDir, { template, subject: 'pt-104' }, '/mcp/ehr')
  await client.initialize()
  return client
}

async function handOn(from: RawClient, part: Part = {}, agent = 'helper') {
  const sub = new SubAgent(gateway.url)
  const taken = await sub.take(from.agent.delegate(from.task, { agent, jkt: sub.thumbprint }, part))
  const client = RawClient.of(taken.agent, taken.task, '/mcp/ehr')
  await client.initialize()
  return client
}

const read = (client: RawClient, patient = 'pt-104') => client.call('read', { patient })

const READ = (patient: string) => [
  {
    type: 'urn:ostiary:mcp:v1',
    kind: 'tool',
    server: 'ehr',
    name: 'read',
    constraints: { patient: { eq: patient } },
  },
]

test('a sub-agent works with its part of the task, and the record names everybody in the chain', async () => {
  await using lead = await open()
  await using helper = await handOn(lead, {
    details: READ('pt-104'),
    budget: { calls: 2 },
    purpose: 'Read only',
  })
  assert.equal((await read(helper)).status, 200)
  assert.equal((await helper.call('write', { patient: 'pt-104' })).code, 'GRANT_MISSING')
  assert.equal((await read(helper, 'pt-7')).code, 'GRANT_CONSTRAINT')
  assert.equal((await read(helper)).code, undefined)
  assert.equal((await read(helper)).code, 'BUDGET_SPENT')
  const { entries } = await gateway.control<{ entries: { type: string; actor: { for?: unknown[] } }[] }>(
    'GET',
    '/agents/helper/history?count=20',
  )
  const intent = entries.find(({ type, actor }) => type === 'call.intent' && actor.for)
  assert.deepEqual(intent?.actor.for?.length, 1)
})

test('who may hand a task to an agent does not get everything that agent may do', async () => {
  await using lead = await open()
  await using helper = await handOn(lead)
  await assert.rejects(helper.agent.openTask({ template: 'alone' }), { code: 'INSTANCE_CONFINED' })
  await using whole = await RawClient.open(await gateway.enrol('helper'), 'alone', '/mcp/ehr')
  assert.ok(whole.task)
})

test('a locked agent opens no task at the token endpoint and hands none on', async () => {
  await using lead = await open()
  const { lock } = await gateway.control<{ lock: { id: string } }>('POST', '/locks', {
    scope: 'agent',
    target: 'lead',
    why: 'test',
  })
  try {
    await assert.rejects(handOn(lead), { code: 'LOCKED' })
  } finally {
    await gateway.control('POST', `/locks/${lock.id}/lift`)
  }
})

test('a sub-agent cannot get more than the task that hands it on', async () => {
  await using lead = await open()
  for (const part of [
    { details: READ('pt-7') },
    { details: [{ ...READ('pt-104')[0], constraints: {} }] },
    { details: [{ ...READ('pt-104')[0], server: 'mail' }] },
    { budget: { calls: 11 } },
    { lifetime: 86_400 },
    { depth: 2 },
  ]) {
    await assert.rejects(handOn(lead, part), { code: 'DELEGATION_WIDER' }, JSON.stringify(part))
  }
  await assert.rejects(handOn(lead, {}, 'stranger'), { code: 'DELEGATION_NOT_ALLOWED' })
  await using alone = await RawClient.open(stateDir, 'alone', '/mcp/ehr')
  await assert.rejects(handOn(alone), { code: 'DELEGATION_NOT_ALLOWED' })
})

test('what sub-agents may spend is taken from the task above, and what they leave goes back', async () => {
  await using lead = await open()
  await using first = await handOn(lead, { budget: { calls: 6 } })
  await assert.rejects(handOn(lead, { budget: { calls: 5 } }), { code: 'DELEGATION_WIDER' })
  for (let i = 0; i < 4; i++) assert.equal((await read(lead)).code, undefined)
  assert.equal((await read(lead)).code, 'BUDGET_SPENT')
  assert.equal((await read(first)).code, undefined)
  await first.agent.closeTask(first.task)
  for (let i = 0; i < 5; i++) assert.equal((await read(lead)).code, undefined)
  assert.equal((await read(lead)).code, 'BUDGET_SPENT')
})

test('ending the task ends its whole subtree, at the very next call', async () => {
  await using lead = await open()
  await using helper = await handOn(lead, { depth: 1 })
  await using deeper = await handOn(helper, {}, 'lead')
  assert.equal((await read(deeper)).code, undefined)
  await assert.rejects(handOn(deeper), { code: 'DELEGATION_TOO_DEEP' })
  await lead.agent.closeTask(lead.task)
  for (const client of [helper, deeper]) await assert.rejects(read(client), { name: 'GatewayRefusal' })
  const { tasks } = await gateway.control<{ tasks: { id: string; end?: string }[] }>('GET', '/tasks?all')
  assert.equal(tasks.find(({ id }) => id === deeper.task)?.end, 'parent')
})

test('a lock on the delegating agent, its instance or its task stops the subtree', async () => {
  await using lead = await open()
  await using helper = await handOn(lead)
  const lock = async (scope: string, target: string) => {
    const { lock: set } = await gateway.control<{ lock: { id: string } }>('POST', '/locks', {
      scope,
      target,
      why: 'test',
    })
    const { code } = await read(helper)
    await gateway.control('POST', `/locks/${set.id}/lift`)
    return code
  }
  assert.equal(await lock('agent', 'lead'), 'LOCKED')
  assert.equal(await lock('instance', lead.agent.identity.instance), 'LOCKED')
  assert.equal(await lock('task', lead.task), 'LOCKED')
  assert.equal((await read(helper)).code, undefined)
  await gateway.control('POST', `/tasks/${lead.task}/pause`)
  assert.equal((await read(helper)).code, 'TASK_PAUSED')
  await gateway.control('POST', `/tasks/${lead.task}/resume`)
  assert.equal((await read(helper)).code, undefined)
})

test('a suspended agent takes its sub-agents with it', async () => {
  await using lead = await open()
  await using helper = await handOn(lead)
  await gateway.control('POST', '/agents/lead/suspend')
  await assert.rejects(read(helper), { name: 'GatewayRefusal' })
  await gateway.control('POST', '/agents/lead/resume')
})

test('a stolen delegation is worthless without the key it names, and good once with it', async () => {
  await using lead = await open()
  const [meant, thief] = [new SubAgent(gateway.url), new SubAgent(gateway.url)]
  const delegation = lead.agent.delegate(lead.task, { agent: 'helper', jkt: meant.thumbprint })
  await assert.rejects(thief.take(delegation), { code: 'PROOF_KEY_MISMATCH' })
  const fresh = lead.agent.delegate(lead.task, { agent: 'helper', jkt: meant.thumbprint })
  await using _taken = (await meant.take(fresh)).agent
  await assert.rejects(meant.take(fresh), { code: 'ASSERTION_REPLAYED' })
})

test('an agent cannot hand on the task of another', async () => {
  await using lead = await open()
  await using other = await RawClient.open(
    await gateway.enrol('lead'),
    { template: 'triage', subject: 'pt-7' },
    '/mcp/ehr',
  )
  const sub = new SubAgent(gateway.url)
  const forged = other.agent.delegate(lead.task, { agent: 'helper', jkt: sub.thumbprint })
  await assert.rejects(sub.take(forged), { code: 'TASK_UNKNOWN' })
})

test('step-up adds only what the template names, within the same task, and a sub-agent gets none', async () => {
  await using lead = await open()
  assert.equal((await read(lead, 'pt-7')).code, 'GRANT_CONSTRAINT')
  await assert.rejects(lead.agent.stepUp(lead.task, 'alone'), { code: 'STEP_UP_NOT_ALLOWED' })
  await using helper = await handOn(lead)
  await assert.rejects(helper.agent.stepUp(helper.task, 'more'), { code: 'STEP_UP_NOT_ALLOWED' })
  await lead.agent.stepUp(lead.task, 'more')
  assert.equal((await read(lead, 'pt-7')).code, undefined)
  assert.equal((await read(lead, 'pt-8')).code, 'BUDGET_SPENT', 'a second subject')
  assert.equal((await read(helper, 'pt-7')).code, 'GRANT_CONSTRAINT')
})

test('writes and subjects are counted, also across a kill', async () => {
  await using lead = await open()
  const write = () => lead.call('write', { patient: 'pt-104' })
  assert.equal((await write()).code, undefined)
  await gateway.kill('SIGKILL')
  await gateway.start()
  await lead.initialize()
  assert.equal((await write()).code, undefined)
  assert.equal((await write()).code, 'BUDGET_SPENT')
  assert.equal((await read(lead)).code, undefined)
})
