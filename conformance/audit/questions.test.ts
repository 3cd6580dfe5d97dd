import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { SubAgent } from '../../packages/agent/src/index.ts'
import { BrowserSession } from '../support/browser-session.ts'
import { BIN, type GuardedGateway, RawClient, startGuarded } from '../support/gateway.ts'
import { ToolServer } from '../support/tool-server.ts'

const PATIENT = 'Ada Example 1815-12-10'
const SCRIPT = '<script>document.title="owned"</script><img src=x onerror=alert(1)>'

let gateway: GuardedGateway
let server: ToolServer
let client: RawClient
let helper: RawClient

before(async () => {
  server = await ToolServer.start()
  const patient = { type: 'object', properties: { patient: { type: 'string' }, dose: { type: 'integer' } } }
  server.tools = ['read', 'write'].map((name) => ({ name, description: name, inputSchema: patient }))
  gateway = await startGuarded({
    servers: { ehr: { url: server.url } },
    tasks: {
      visit: {
        purpose: 'Prepare a visit',
        agents: ['scribe'],
        tools: { 'ehr/read': null, 'ehr/write': null },
        subject_arguments: ['patient'],
        budget: { calls: 8 },
        delegate: { to: ['helper'], depth: 1 },
      },
    },
  })
  const state = await gateway.enrol('scribe')
  await gateway.control('POST', '/agents', { name: 'helper', sponsor: 'bob@example.org' })
  await gateway.approveAll('ehr')
  client = await RawClient.open(state, { template: 'visit', subject: PATIENT }, '/mcp/ehr')
  await client.initialize()
  assert.equal((await client.call('read', { patient: PATIENT })).code, undefined)
  assert.equal((await client.call('write', { patient: PATIENT, dose: 40 })).code, undefined)
  assert.equal((await client.call(SCRIPT)).code, 'TOOL_UNKNOWN')
  const sub = new SubAgent(gateway.url)
  const taken = await sub.take(
    client.agent.delegate(client.task, { agent: 'helper', jkt: sub.thumbprint }, {}),
  )
  helper = RawClient.of(taken.agent, taken.task, '/mcp/ehr')
  await helper.initialize()
  assert.equal((await helper.call('read', { patient: PATIENT })).code, undefined)
  const { lock } = await gateway.control<{ lock: { id: string } }>('POST', '/locks', {
    scope: 'agent',
    target: 'helper',
    why: 'caught',
  })
  assert.equal((await helper.call('read', { patient: PATIENT })).code, 'LOCKED')
  await gateway.control('POST', `/locks/${lock.id}/lift`)
  await using claimant = await RawClient.open(state, { template: 'visit', on_behalf_of: SCRIPT }, '/mcp/ehr')
  await claimant.agent.closeTask(claimant.task)
})

after(async () => {
  await helper?.[Symbol.asyncDispose]()
  await client?.[Symbol.asyncDispose]()
  await gateway?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

function ostiary(...args: string[]) {
  const run = spawnSync(process.execPath, [BIN, '--json', ...args], { cwd: gateway.dir, encoding: 'utf8' })
  return { ...run, json: run.status === 0 ? JSON.parse(run.stdout) : undefined }
}

interface Row {
  readonly log: string
  readonly index: number
  readonly at: string
  readonly type: string
  readonly [more: string]: unknown
}

const rowsOf = (...args: string[]): Row[] => {
  const { json, stderr } = ostiary('audit', ...args)
  assert.ok(json, stderr)
  return json.rows
}

test('who saw a subject: agent, instance, person, purpose, tool and outcome, each provable', async () => {
  const { json } = ostiary('audit', 'who-saw', PATIENT)
  const calls = (json.rows as Row[]).filter(({ type }) => type.startsWith('call.'))
  const told = calls.map(({ type, name, outcome, code, person, purpose }) => ({
    type,
    name,
    outcome,
    code,
    person,
    purpose,
  }))
  const whom = { person: 'alice@example.org', purpose: 'Prepare a visit' }
  const allowed = { type: 'call.intent', outcome: 'ok', code: undefined, ...whom }
  const wanted = [
    { ...allowed, name: 'read' },
    { ...allowed, name: 'write' },
    // What an agent made up is sealed.
    { ...whom, type: 'call.denied', name: undefined, outcome: 'denied', code: 'TOOL_UNKNOWN' },
    { ...allowed, name: 'read' },
  ]
  assert.deepEqual(
    told
      .filter(({ name, code }) => code === 'TOOL_UNKNOWN' || (name !== undefined && code !== 'LOCKED'))
      .reverse(),
    wanted,
  )
  assert.ok(
    calls.every(({ agent, instance }) => /^agt_/.test(String(agent)) && /^ins_/.test(String(instance))),
  )
  assert.equal(new Set(calls.map(({ agent }) => agent)).size, 2)

  const [row] = calls as [Row]
  const [covered] = json.covers as { log: string; size: number }[]
  assert.ok(covered && row.index < covered.size && covered.log === row.log)
  const receipt = join(gateway.dir, 'receipt')
  writeFileSync(
    join(gateway.dir, 'entry.json'),
    ostiary('audit', 'show', String(row.index), '--receipt', receipt).stdout,
  )
  assert.equal(
    ostiary('audit', 'verify', '--receipt', receipt, '--entry', join(gateway.dir, 'entry.json')).status,
    0,
  )
})

test('that somebody asked who saw a subject is recorded, by pseudonym and not by name', async () => {
  const { subject } = await gateway.control<{ subject: string }>('POST', '/audit/who-saw', {
    subject: PATIENT,
  })
  await assert.rejects(gateway.control('POST', '/audit/who-saw', { subject: 'Nobody Of This Name' }))
  const { size } = await gateway.control<{ size: number }>('GET', '/audit')
  const entryAt = async (index: number) =>
    (
      await gateway.control<{ entry: { type: string; actor: { kind: string }; data: object } }>(
        'GET',
        `/audit/entries/${index}`,
      )
    ).entry
  const entry = await entryAt(size - 2)
  assert.match(subject, /^sbj_/)
  assert.equal(entry.type, 'audit.queried')
  assert.equal(entry.actor.kind, 'operator')
  assert.deepEqual(entry.data, { question: 'who-saw', subject })
  // Otherwise an auditor could try every name there is to find out who is known here.
  assert.deepEqual((await entryAt(size - 1)).data, { question: 'who-saw', known: false })
})

test('what an agent did: each call with its outcome, by tool, by time, page by page', async () => {
  const all = rowsOf('did', 'scribe', '-n', '1000')
  assert.deepEqual(
    [...all].sort((a, b) => b.index - a.index),
    all,
  )
  const writes = rowsOf('did', 'scribe', '--tool', 'ehr/write')
  assert.deepEqual(
    writes.map(({ type, outcome }) => [type, outcome]),
    [['call.intent', 'ok']],
  )
  assert.deepEqual(
    rowsOf('did', 'scribe', '--denied').map(({ code }) => code),
    ['TOOL_UNKNOWN'],
  )
  assert.deepEqual(rowsOf('did', 'scribe', '--until', '2020-01-01'), [])
  assert.deepEqual(rowsOf('did', 'scribe', '--since', '1h', '-n', '1000'), all)

  const paged: Row[] = []
  for (let next = ''; ; ) {
    const page = await gateway.control<{ rows: Row[]; next?: string }>(
      'GET',
      `/audit/did?agent=scribe&count=3${next === '' ? '' : `&after=${next}`}`,
    )
    paged.push(...page.rows)
    if (page.next === undefined) break
    next = page.next
  }
  assert.deepEqual(paged, all)
})

test('the newest entries are in the answer, however shortly ago they came', async () => {
  for (let n = 0; n < 5; n++) {
    const { json } = await client.call('nothing', {})
    assert.ok(json)
    const { rows } = await gateway.control<{ rows: Row[] }>('GET', '/audit/did?agent=scribe&count=1')
    const { size } = await gateway.control<{ size: number }>('GET', '/audit')
    assert.equal(rows[0]?.index, size - 1)
  }
})

test('the timeline of a task has its calls, leases, delegations, denials and locks, in order, with those of sub-tasks', async () => {
  const rows = rowsOf('timeline', client.task, '-n', '1000')
  const types = new Set(rows.map(({ type }) => type))
  for (const type of [
    'task.opened',
    'call.intent',
    'call.outcome',
    'call.denied',
    'task.delegated',
    'lock.set',
    'lock.lifted',
    'lease.opened',
  ])
    assert.ok(types.has(type), `${type} is not in ${[...types].join(', ')}`)
  assert.deepEqual(
    rows.map(({ index }) => index),
    rows.map(({ index }) => index).sort((a, b) => a - b),
  )
  assert.ok(rows.some(({ task, code }) => task === helper.task && code === 'LOCKED'))
  assert.equal(ostiary('audit', 'timeline', 'tsk_nobody').status, 1)
})

test('a draft policy is judged by past calls: what would be denied, by which policy, and what cannot be known', async () => {
  const draft = join(gateway.dir, 'draft.cedar')
  writeFileSync(
    draft,
    `permit (principal, action, resource);
@id("small-doses")
forbid (principal, action == Action::"ehr/write", resource) when { context.input has dose && context.input.dose > 20 };`,
  )
  const { json, stderr } = ostiary('audit', 'diff-policy', draft)
  assert.ok(json, stderr)
  const changed = json.changed as {
    call: Row
    was: string
    would_be: string
    code: string
    policies: { id: string }[]
  }[]
  assert.deepEqual(
    changed.map(({ call, was, would_be, code, policies }) => [
      call.name,
      was,
      would_be,
      code,
      policies.map(({ id }) => id),
    ]),
    [['write', 'allowed', 'denied', 'POLICY_FORBIDDEN', ['small-doses']]],
  )
  assert.equal(json.opened, 1)
  assert.equal(json.undecided.length, 0)
  assert.doesNotMatch(JSON.stringify(json), /Ada|"dose"/)

  writeFileSync(draft, 'permit (principal, action, resource) when { context.inptu has dose };')
  const invalid = ostiary('audit', 'diff-policy', draft)
  assert.equal(invalid.status, 1)
  assert.match(invalid.stderr, /draft\.cedar:1.*POLICY_DRAFT_INVALID/s)
})

test('without the arguments a policy that reads them is not guessed at', async () => {
  await gateway.control('POST', `/tasks/${client.task}/close`, {})
  await gateway.control('POST', '/subjects/erase', { subject: PATIENT })
  const draft = join(gateway.dir, 'draft.cedar')
  writeFileSync(
    draft,
    'permit (principal, action, resource);\nforbid (principal, action == Action::"ehr/write", resource) when { context.input has dose };',
  )
  const { json } = ostiary('audit', 'diff-policy', draft)
  assert.deepEqual(json.changed, [])
  assert.deepEqual(
    json.undecided.map(({ call, why }: { call: Row; why: string }) => [call.name, why.slice(0, 33)]),
    [['write', 'undecidable without its arguments']],
  )
})

test('the searchable tables and files made of them hold neither names nor content', async () => {
  const years = join(gateway.dir, 'years')
  const { json, stderr } = ostiary('audit', 'export', '--parquet', years, '--since', '2020-01-01')
  assert.ok(json, stderr)
  const files = [
    ...(json.exported[0].files as string[]),
    ...['', '-wal'].map((part) => join(gateway.dataDir, `projection.db${part}`)),
  ]
  const bytes = files.filter((path) => existsSync(path)).map((path) => readFileSync(path))
  assert.ok(bytes.length >= 4)
  for (const part of bytes)
    for (const text of ['Ada Example', 'alice@', '"dose"']) assert.ok(!part.includes(text), text)
})

test('what an agent claims cannot put script into the report', async () => {
  const out = join(gateway.dir, 'report.html')
  assert.equal(ostiary('audit', 'report', '--out', out).status, 0)
  const page = readFileSync(out, 'utf8')
  assert.ok(page.includes('&lt;script&gt;document.title=&quot;owned&quot;'))
  assert.doesNotMatch(page, /<(script|img|iframe|link|object|a)[ >]|https?:/i)
  assert.match(page, /default-src 'none'/)
  for (const told of [
    'scribe',
    'alice@example.org',
    'TOOL_UNKNOWN',
    'lock.set',
    'Prepare a visit',
    'public key',
    'assurance level <b>local</b>',
  ])
    assert.ok(page.includes(told), told)
  assert.doesNotMatch(page, /Ada Example/)
})

test("an operator's search text cannot become SQL", async () => {
  const before = rowsOf('did', 'scribe', '-n', '1000').length
  for (const text of [
    "' or 1=1 --",
    "x'; drop table projection_entries; --",
    '") union select * from projection_logs --',
    '%',
    '\u0000',
  ]) {
    const query = new URLSearchParams({ agent: 'scribe', tool: text || 'x' })
    const { rows } = await gateway.control<{ rows: Row[] }>('GET', `/audit/did?${query}`)
    assert.deepEqual(rows, [], text)
    await assert.rejects(
      gateway.control('GET', `/audit/did?${new URLSearchParams({ agent: 'scribe', after: text })}`),
    )
    await assert.rejects(
      gateway.control('POST', '/audit/who-saw', { subject: text, count: '1; drop table x' }),
    )
    await assert.rejects(gateway.control('POST', '/audit/who-saw', { subject: `sbj_${text}` }))
    await assert.rejects(gateway.control('GET', `/audit/timeline/${encodeURIComponent(text)}`))
  }
  assert.equal(rowsOf('did', 'scribe', '-n', '1000').length, before)
})

test('an operator without the permission gets nothing', async () => {
  for (const role of ['viewer', 'approver', 'operator']) {
    const browser = new BrowserSession(gateway)
    await browser.signIn(`no-${role}`, [role])
    for (const path of [
      '/audit/did?agent=scribe',
      `/audit/timeline/${client.task}`,
      '/audit/report',
      '/audit/projection',
    ]) {
      const answer = await browser.fetch(`/control${path}`)
      assert.equal(answer.status, 403, path)
      assert.doesNotMatch(await answer.text(), /call\.intent|agt_/)
    }
    for (const path of ['/audit/who-saw', '/audit/diff-policy', '/audit/reindex'])
      assert.equal((await browser.post(`/control${path}`, { subject: PATIENT })).status, 403, path)
  }
  const auditor = new BrowserSession(gateway)
  await auditor.signIn('an-auditor', ['auditor'])
  assert.equal((await auditor.fetch('/control/audit/did?agent=scribe')).status, 200)
})

test('the tables are made anew while the gateway runs and when it is stopped, and a damaged file heals by itself', async () => {
  const asked = () => rowsOf('did', 'scribe', '-n', '1000')
  const before = asked()
  assert.equal(ostiary('audit', 'reindex').status, 0)
  assert.deepEqual(asked(), before)

  await gateway.kill('SIGTERM')
  const offline = ostiary('audit', 'reindex')
  assert.equal(offline.status, 0, offline.stderr)
  assert.equal(offline.json.projected, offline.json.size)
  await gateway.start()
  assert.deepEqual(asked(), before)

  await gateway.kill('SIGKILL')
  const file = join(gateway.dataDir, 'projection.db')
  for (const part of ['-wal', '-shm']) rmSync(`${file}${part}`, { force: true })
  const size = readFileSync(file).length
  writeFileSync(file, Buffer.alloc(size, 'not a database '))
  await gateway.start()
  assert.deepEqual(asked(), before)
  assert.ok(existsSync(file))
})
