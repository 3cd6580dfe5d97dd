import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { CredentialSchema } from '../../config/credential-schema.ts'
import { newId } from '../../lib/id.ts'
import { Secret } from '../../lib/secret.ts'
import type { TestStore } from '../../store/testing.ts'
import { postgresStore, run, withoutPostgres } from '../../store/testing.ts'
import { Wire } from '../../store/testing-wire.ts'
import type { LeaseHolder } from '../broker.ts'
import { postgresBroker } from './postgres.ts'

const skip = withoutPostgres()
const tag = `${process.pid}_${Math.random().toString(36).slice(2, 8)}`
const ADMIN = `credentials_admin_${tag}`
const TEMPLATE = `credentials_reader_${tag}`

let place: TestStore
/** Where the broker connects: a role that may create roles and is no superuser. */
let admin: string

before(async () => {
  if (skip) return
  place = await postgresStore()
  await run(
    place.location,
    `create role ${TEMPLATE} nologin;
     create role ${ADMIN} login createrole noinherit;
     grant ${TEMPLATE} to ${ADMIN} with admin option;
     create schema ostiary;
     create table ostiary.task_scope (role_name text primary key, subject text not null);
     grant usage on schema ostiary to ${ADMIN};
     grant select, insert, delete on ostiary.task_scope to ${ADMIN}`,
  )
  admin = withUser(place.location)
})

after(async () => {
  if (skip) return
  await run(place.location, `drop owned by ${ADMIN}; drop role ${ADMIN}; drop role ${TEMPLATE}`)
  await place.dispose()
})

function withUser(location: string): string {
  const url = new URL(location)
  url.username = ADMIN
  return url.href
}

const holder = (subject: string): LeaseHolder => ({
  task: 'tsk_1',
  grant: 'grt_1',
  agent: 'agt_1',
  instance: 'ins_1',
  subject,
  onBehalfOf: 'dr-lee@example.org',
  purpose: `Test'; drop table ostiary.task_scope; --`,
  expiresAt: Date.now() + 60_000,
})

function broker(url = admin) {
  const made = postgresBroker({
    now: Date.now,
    secret: async () => new Secret(url),
    outwardToken: async () => '',
    requestKey: () => ({ kid: 'kid', pem: '' }),
    replaceSecret: async () => {},
  })
  const config = CredentialSchema.parse({
    kind: 'postgres',
    admin: { env: 'X' },
    role: TEMPLATE,
    scope: {},
  })
  assert.ok(config.kind === 'postgres')
  const common = { server: 'db', config }
  return {
    mint: (lease: string, subject = 'pt-104', signal = AbortSignal.timeout(10_000)) =>
      made.mint({ ...common, lease, holder: holder(subject), signal }),
    revoke: (lease: string, signal = AbortSignal.timeout(10_000)) =>
      made.revoke({ ...common, lease, reference: undefined, signal }),
  }
}

async function ask(text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: place.location })
  await client.connect()
  try {
    return (await client.query(text, values)).rows
  } finally {
    await client.end()
  }
}

const exists = async (lease: string): Promise<boolean> =>
  (await ask('select 1 from pg_roles where rolname = $1', [`ostiary_${lease}`])).length > 0

async function login(url: string | undefined): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  return client
}

test('an administrator that is no superuser ends the open sessions of a task, too', { skip }, async () => {
  const lease = newId('lse')
  const { values } = await broker().mint(lease)
  const client = await login(values.get('url'))
  await broker().revoke(lease)
  await assert.rejects(client.query('select 1'))
  assert.equal(await exists(lease), false)
  await broker().revoke(lease)
})

test('a subject and a purpose that are SQL are only text', { skip }, async () => {
  const lease = newId('lse')
  const subject = `x'); drop table ostiary.task_scope; --`
  await broker().mint(lease, subject)
  assert.deepEqual(await ask('select subject from ostiary.task_scope'), [{ subject }])
  await broker().revoke(lease)
  assert.deepEqual(await ask('select subject from ostiary.task_scope'), [])
})

test('the password of a task’s role is never in a statement, where logs would keep it', {
  skip,
}, async () => {
  await using wire = await Wire.to(admin)
  const sent: Buffer[] = []
  wire.onSent = (data) => sent.push(data)
  const lease = newId('lse')
  const { values } = await broker(wire.url).mint(lease)
  const said = Buffer.concat(sent).toString('latin1')
  assert.match(said, /create role/)
  assert.ok(!said.includes(values.get('password') as string))
  const [row] = await ask('select rolpassword from pg_authid where rolname = $1', [`ostiary_${lease}`])
  assert.match(String(row?.rolpassword), /^SCRAM-SHA-256\$4096:/)
  await broker().revoke(lease)
})

test('a session that does not end keeps the credential from counting as revoked', { skip }, async (t) => {
  const lease = newId('lse')
  const { values } = await broker().mint(lease)
  const client = await login(values.get('url'))
  const { rows } = await client.query('select pg_backend_pid() as pid')
  try {
    process.kill(rows[0].pid, 'SIGSTOP')
  } catch {
    await broker().revoke(lease)
    return t.skip('the server’s processes cannot be stopped from here')
  }
  try {
    await assert.rejects(broker().revoke(lease), { name: 'Refusal' })
    assert.equal(await exists(lease), true)
  } finally {
    process.kill(rows[0].pid, 'SIGCONT')
  }
  await broker().revoke(lease)
  assert.equal(await exists(lease), false)
})

test('revoking waits for a minting that was cut off at its commit, so that no role appears afterwards', {
  skip,
}, async () => {
  const lease = newId('lse')
  const user = `ostiary_${lease}`
  // What is left of the minting: a session of the administrator's that has not committed yet.
  const cutOff = await login(admin)
  await cutOff.query('begin')
  await cutOff.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [user])
  await cutOff.query(`create role ${user} login in role ${TEMPLATE}`)
  let isDone = false
  const revoking = broker()
    .revoke(lease)
    .finally(() => {
      isDone = true
    })
  for (let waits = 0; waits === 0 && !isDone; )
    waits = (
      await ask(`select 1 from pg_stat_activity where wait_event = 'advisory' and usename = $1`, [ADMIN])
    ).length
  await cutOff.query('commit')
  await cutOff.end()
  await revoking
  assert.equal(await exists(lease), false)
})

test('a minting that is aborted leaves no role behind', { skip }, async () => {
  const lease = newId('lse')
  const controller = new AbortController()
  await using wire = await Wire.to(admin)
  wire.onSent = (data) => {
    if (data.includes('commit')) controller.abort()
  }
  await assert.rejects(broker(wire.url).mint(lease, 'pt-1', controller.signal), { name: 'Refusal' })
  await broker().revoke(lease)
  assert.equal(await exists(lease), false)
  assert.deepEqual(
    await ask('select 1 from ostiary.task_scope where role_name = $1', [`ostiary_${lease}`]),
    [],
  )
})

test('a server that falls silent does not hold up the end for longer than it is given', {
  skip,
}, async () => {
  await using wire = await Wire.to(admin)
  const controller = new AbortController()
  wire.onSent = (data) => {
    if (!data.includes('advisory')) return
    wire.freeze()
    controller.abort()
  }
  await assert.rejects(broker(wire.url).revoke(newId('lse'), controller.signal), { name: 'Refusal' })
})
