import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { parse } from 'yaml'
import type { TestStore } from '../../packages/gateway/src/store/testing.ts'
import { postgresStore, run, withoutPostgres } from '../../packages/gateway/src/store/testing.ts'
import { Wire } from '../../packages/gateway/src/store/testing-wire.ts'
import type { GuardedGateway } from '../support/gateway.ts'
import { RawClient, startGuarded } from '../support/gateway.ts'

const skip = withoutPostgres()
const example = resolve('examples/postgres-patient-scope')

let place: TestStore
let wire: Wire
let gateway: GuardedGateway
let folder: string
let stateDir: string

const admin = async (text: string): Promise<Record<string, unknown>[]> => {
  const client = new pg.Client({ connectionString: place.location })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

before(async () => {
  if (skip) return
  place = await postgresStore()
  await run(place.location, 'drop role if exists patient_reader')
  await run(place.location, readFileSync(join(example, 'setup.sql'), 'utf8'))
  await run(
    place.location,
    `insert into observations values ('pt-104', 'weight', '81 kg'), ('pt-104', 'pulse', '72'), ('pt-7', 'pulse', '90')`,
  )
  strangers = await allRoles()
  wire = await Wire.to(place.location)
  folder = mkdtempSync(join(tmpdir(), 'ostiary-role-'))
  const config = parse(readFileSync(join(example, 'ostiary.yaml'), 'utf8'))
  const server = config.servers['ehr-db']
  server.command = process.execPath
  server.args = [resolve('conformance/support/database-server.ts')]
  server.env.LEAK_TO = join(folder, 'leaked')
  server.reverify = '1h'
  config.tasks.triage.tools = { 'ehr-db/*': {} }
  gateway = await startGuarded({ ...config, listen: { port: 0 } }, { EHR_ADMIN_URL: wire.url })
  stateDir = await gateway.enrol('triage-bot')
  await gateway.approveAll('ehr-db')
  // It says that it tells a credential, which a person has to accept by name.
  await gateway.control('POST', '/tools/ehr-db/whoami/approve', { despite: true })
})

after(async () => {
  if (skip) return
  await gateway[Symbol.asyncDispose]()
  await wire[Symbol.asyncDispose]()
  await run(place.location, 'drop table observations')
  await run(place.location, 'drop schema ostiary cascade')
  await run(place.location, 'drop role patient_reader')
  await place.dispose()
  rmSync(folder, { recursive: true, force: true })
})

const OPEN = { template: 'triage', subject: 'pt-104' }

async function openClient(): Promise<RawClient> {
  const client = await RawClient.open(stateDir, OPEN, '/mcp/ehr-db')
  await client.initialize()
  return client
}

const rowsOf = (text: string) => JSON.parse(text) as { patient: string }[]
/** Roles are the whole server's; these are what another run left. */
let strangers: readonly unknown[] = []
const allRoles = async () =>
  (await admin(`select rolname from pg_roles where rolname like 'ostiary\\_lse%'`)).map(
    ({ rolname }) => rolname,
  )
const roles = async () => (await allRoles()).filter((name) => !strangers.includes(name))

/** The credential of the newest child process, as a compromised server would leak it. */
const leaked = (): string => {
  const urls = readFileSync(join(folder, 'leaked'), 'utf8').split('postgres://').slice(1)
  return `postgres://${urls.at(-1)}`
}

test('a task reads its own patient through the database server and nobody else, whatever it asks for', {
  skip,
}, async () => {
  await using client = await openClient()
  const own = await client.call('observations', {})
  assert.deepEqual(
    rowsOf(own.json.result.content[0].text).map(({ patient }) => patient),
    ['pt-104', 'pt-104'],
  )
  const other = await client.call('observations', { patient: 'pt-7' })
  assert.deepEqual(rowsOf(other.json.result.content[0].text), [])
  await client.agent.closeTask(client.task)
  assert.deepEqual(await roles(), [])
})

test('a leaked role cannot reach another patient by any means of its own', { skip }, async () => {
  await using client = await openClient()
  await client.call('observations', {})
  const thief = new pg.Client({ connectionString: leaked() })
  thief.on('error', () => {})
  await thief.connect()
  const patients = async () =>
    (await thief.query<{ patient: string }>('select distinct patient from observations')).rows.map(
      ({ patient }) => patient,
    )
  assert.deepEqual(await patients(), ['pt-104'])
  for (const trick of [
    `set ostiary.subject = 'pt-7'`,
    'set role postgres',
    'set role patient_reader',
    'set session authorization postgres',
    'set row_security = off',
    `update ostiary.task_scope set subject = 'pt-7'`,
    `insert into ostiary.task_scope values (current_user, 'pt-7')`,
    'select * from ostiary.task_scope',
    `create or replace function ostiary.subject() returns text language sql as $$ select 'pt-7' $$`,
    'alter table observations disable row level security',
    'create role friend login',
  ]) {
    await thief.query(trick).catch(() => {})
    const seen: readonly string[] = await patients().catch(() => [])
    assert.ok(!seen.includes('pt-7'), trick)
    await thief.query('reset role').catch(() => {})
    await thief.query('set row_security = on').catch(() => {})
  }
  await client.agent.closeTask(client.task)
  await thief.end().catch(() => {})
})

test('closing the task while a query loop runs: the very next query returns nothing, and the session ends', {
  skip,
}, async (t) => {
  await using client = await openClient()
  await client.call('observations', {})
  const thief = new pg.Client({ connectionString: leaked() })
  thief.on('error', () => {})
  await thief.connect()
  const seen: { at: number; rows: number | 'refused' }[] = []
  const loop = (async () => {
    for (;;) {
      const at = performance.now()
      try {
        seen.push({ at, rows: (await thief.query('select * from observations')).rows.length })
      } catch {
        seen.push({ at, rows: 'refused' })
        return
      }
    }
  })()
  while (seen.length < 20) await new Promise((next) => setImmediate(next))
  const calls: (string | undefined)[] = []
  const asked = performance.now()
  const closing = client.agent.closeTask(client.task)
  const callLoop = (async () => {
    for (let code: string | undefined; code === undefined; ) {
      code = (await client.call('observations', {}).catch(() => ({ code: 'GONE' }))).code
      calls.push(code)
    }
  })()
  await closing
  const answered = performance.now()
  // Whoever begins after the close was answered gets nothing: not from the gateway, and not from the database itself.
  await assert.rejects(thief.query('select * from observations'))
  await Promise.all([loop, callLoop])
  assert.equal(seen.at(-1)?.rows, 'refused')
  assert.ok(seen.every(({ at, rows }) => at < answered || rows === 'refused' || rows === 0))
  const firstEmpty = seen.find(({ at, rows }) => at >= asked && rows !== 2)
  t.diagnostic(
    `closed in ${(answered - asked).toFixed(1)} ms; first empty or refused query ${((firstEmpty?.at ?? 0) - asked).toFixed(1)} ms after asking`,
  )
  await assert.rejects(new pg.Client({ connectionString: leaked() }).connect())
  assert.deepEqual(await roles(), [])
  assert.deepEqual(await admin('select * from ostiary.task_scope'), [])
})

test('the agent never sees the credential, even when the server says it', { skip }, async () => {
  await using client = await openClient()
  const { text, code } = await client.call('whoami')
  const password = new URL(leaked()).password
  assert.ok(password.length > 20)
  assert.ok(!text.includes(password), 'the password reached the agent')
  assert.equal(code, 'CONTENT_SECRET')
  await client.agent.closeTask(client.task)
})

test('a database that is away keeps the task closing, visibly, until the role is gone', {
  skip,
}, async () => {
  await using client = await openClient()
  await client.call('observations', {})
  wire.cut()
  await client.agent.closeTask(client.task)
  const { task, leases } = await gateway.control<{
    task: { state: string }
    leases: { state: string; attempts: number; last_error: string }[]
  }>('GET', `/tasks/${client.task}`)
  assert.equal(task.state, 'closing')
  assert.equal(leases[0]?.state, 'revoke_failed')
  const left = async () =>
    (await gateway.control<{ leases: { not_revoked: number } }>('GET', '/status')).leases.not_revoked
  assert.equal(await left(), 1)
  await assert.rejects(client.call('observations', {}), { code: 'TASK_CLOSED' })
  assert.equal((await roles()).length, 1)
  wire.mend()
  for (let state = 'closing'; state !== 'closed'; ) {
    state = (await gateway.control<{ task: { state: string } }>('GET', `/tasks/${client.task}`)).task.state
    await new Promise((next) => setImmediate(next))
  }
  assert.deepEqual(await roles(), [])
  assert.equal(await left(), 0)
})

test('kill -9 in the middle of a task leaves no role behind once the task has ended', { skip }, async () => {
  await using client = await openClient()
  await client.call('observations', {})
  assert.equal((await roles()).length, 1)
  await gateway.kill('SIGKILL')
  await gateway.start()
  const [role] = await admin('select role_name from ostiary.task_scope')
  assert.ok(role)
  await client.agent.closeTask(client.task)
  // The gateway itself has a role for a moment while it asks the server what it offers; the task's is gone at once.
  assert.ok(!(await roles()).includes(role.role_name))
  while ((await roles()).length > 0) await new Promise((next) => setImmediate(next))
})
