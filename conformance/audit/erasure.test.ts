import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { BIN, type GuardedGateway, RawClient, startGuarded } from '../support/gateway.ts'
import { ToolServer } from '../support/tool-server.ts'

let gateway: GuardedGateway
let server: ToolServer
const PATIENT = 'Ada Example 1815-12-10'
const OTHER = 'MRN-OTHER-77'
const REMARK = 'a remark nobody else may read'

interface Entry {
  readonly index: number
  readonly type: string
  readonly subjects?: readonly string[]
  readonly body?: object
  readonly data: Record<string, unknown>
}

before(async () => {
  server = await ToolServer.start()
  server.tools = [
    {
      name: 'chart',
      description: 'Chart.',
      inputSchema: { type: 'object', properties: { patient: { type: 'string' }, text: { type: 'string' } } },
    },
  ]
  gateway = await startGuarded({
    servers: { ehr: { url: server.url } },
    tasks: {
      visit: {
        purpose: 'Prepare a visit',
        agents: ['*'],
        tools: { 'ehr/chart': null },
        subject_arguments: ['patient'],
      },
    },
    audit: { content: 'arguments-and-results' },
  })
  const state = await gateway.enrol('scribe')
  await gateway.approveAll('ehr')
  await using client = await RawClient.open(
    state,
    { template: 'visit', subject: PATIENT, purpose: REMARK },
    '/mcp/ehr',
  )
  await client.initialize()
  for (const patient of [PATIENT, OTHER]) {
    const answer = await client.call('chart', { patient, text: REMARK })
    assert.equal(answer.code, undefined, answer.text)
  }
  await client.agent.closeTask(client.task)
})
after(async () => {
  await gateway?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

async function entries(type?: string): Promise<Entry[]> {
  const run = ostiary('audit', 'tail', '-n', '1000', '--json')
  const all = run.stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Entry)
  return all.filter((entry) => type === undefined || entry.type === type)
}

const withContent = async (type: string) => (await entries(type)).filter(({ body }) => body !== undefined)

const ostiary = (...args: string[]) =>
  spawnSync(process.execPath, [BIN, ...args], { cwd: gateway.dir, encoding: 'utf8' })

function* files(dir: string): Generator<string> {
  for (const each of readdirSync(dir, { withFileTypes: true })) {
    if (each.isDirectory()) yield* files(join(dir, each.name))
    else if (each.isFile()) yield join(dir, each.name)
  }
}

test('whoever takes the folder of the log learns neither names nor content', () => {
  for (const path of files(join(gateway.dataDir, 'log'))) {
    const bytes = readFileSync(path)
    for (const text of ['Ada Example', OTHER, 'nobody else may read']) assert.ok(!bytes.includes(text), path)
  }
})

test('what was asked and what came back can be opened, and that somebody looked is recorded', async () => {
  const [first, second] = await withContent('call.intent')
  const outcome = (await withContent('call.outcome')).at(-1)
  assert.deepEqual(outcome?.subjects, second?.subjects, 'an answer is about whom the call is about')
  assert.ok(first?.subjects?.length === 1 && second?.subjects?.length === 2)
  assert.equal(second.subjects[0], first.subjects[0])
  const opened = ostiary('audit', 'open', String(first.index), '--json')
  assert.match(opened.stdout, new RegExp(`${PATIENT}.*${REMARK}|${REMARK}.*${PATIENT}`, 's'))
  assert.match(ostiary('audit', 'open', String(outcome?.index)).stdout, new RegExp(REMARK))
  const looked = (await entries('content.opened')).map(({ data }) => data.index)
  assert.deepEqual(looked, [first.index, outcome?.index])
})

test('an erased subject is readable by nobody, what others share with it included, and the log still proves itself', async () => {
  const [first, second] = await withContent('call.intent')
  const receipt = join(gateway.dir, 'first.tlog-proof')
  const entry = join(gateway.dir, 'first.json')
  writeFileSync(entry, ostiary('audit', 'show', String(first?.index), '--receipt', receipt, '--json').stdout)
  assert.equal(ostiary('subject', 'hold', PATIENT, '--why', 'case 7').status, 0)
  assert.match(ostiary('subject', 'erase', PATIENT, '--yes').stderr, /legal hold/)
  assert.equal(ostiary('subject', 'release', PATIENT).status, 0)
  const erased = ostiary('subject', 'erase', PATIENT, '--yes')
  assert.match(erased.stdout, /sbj_\w+ is erased/, erased.stderr)
  for (const each of [first, second]) {
    assert.match(ostiary('audit', 'open', String(each?.index)).stderr, /its key was destroyed/)
  }
  assert.match(ostiary('subject', 'erase', PATIENT, '--yes').stderr, /knows no subject/)
  assert.equal(ostiary('audit', 'verify').status, 0)
  assert.equal(ostiary('audit', 'verify', '--receipt', receipt, '--entry', entry).status, 0)
  const [state] = [...files(gateway.dataDir)].filter((path) => path.endsWith('state.sqlite'))
  for (const path of [state as string, `${state}-wal`])
    assert.ok(!readFileSync(path).includes('Ada Example'), `${path} still knows the name`)
})

test('a subject is not erased under an open task, however it writes the name, and the refusal says which', async () => {
  const state = await gateway.enrol('scribe')
  await using client = await RawClient.open(state, { template: 'visit', subject: `${OTHER} ` }, '/mcp/ehr')
  const refused = ostiary('subject', 'erase', OTHER, '--yes')
  assert.notEqual(refused.status, 0)
  assert.match(refused.stderr, new RegExp(client.task))
  assert.ok(!refused.stderr.includes(OTHER))
})

test('an agent cannot make a denied call that leaves no record, by text that is no Unicode', async () => {
  const state = await gateway.enrol('mumbler')
  await using client = await RawClient.open(state, { template: 'visit' }, '/mcp/ehr')
  await client.initialize()
  const before = (await entries('call.denied')).length
  await client.call('drop\ud800', {})
  await client.call(`${'x'.repeat(499)}😀`, {})
  await client.call('drop', { text: '\ud800' })
  const denied = (await entries('call.denied')).slice(before)
  assert.equal(denied.length, 3)
  assert.equal(denied[2]?.data.name, 'drop')
  assert.match(ostiary('audit', 'open', String(denied[0]?.index)).stdout, /drop\ufffd/)
})

test('an agent cannot write text into the log itself, where nobody could erase it, as the name of what it calls', async () => {
  const state = await gateway.enrol('scribbler')
  await using client = await RawClient.open(state, { template: 'visit' }, '/mcp/ehr')
  await client.initialize()
  await client.call('Cleo Unlikely has measles', {})
  await client.send(JSON.stringify({ jsonrpc: '2.0', id: 9, method: 'Cleo Unlikely/measles', params: {} }))
  for (const path of ['Cleo%20Unlikely%20has%20measles', `Cleo_Unlikely${'_'.repeat(500)}`]) {
    const elsewhere = RawClient.of(client.agent, client.task, `/mcp/${path}`)
    assert.equal((await elsewhere.call('chart')).code, 'SERVER_UNKNOWN')
  }
  const denied = (await entries('call.denied')).slice(-4)
  assert.ok(!JSON.stringify(denied).includes('Unlikely'))
  assert.match(ostiary('audit', 'open', String(denied[0]?.index)).stdout, /Cleo Unlikely has measles/)
})
