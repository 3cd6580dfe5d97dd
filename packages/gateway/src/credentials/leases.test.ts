import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, beforeEach, test } from 'node:test'
import { sql } from 'kysely'
import type { ServerConfig } from '../config/schema.ts'
import { Secret } from '../lib/secret.ts'
import type { LogEvent } from '../model/evidence.ts'
import { refuse } from '../model/refusal.ts'
import type { Store } from '../store/store.ts'
import type { TestStore } from '../store/testing.ts'
import { sqliteStore } from '../store/testing.ts'
import type { Broker, LeaseHolder, Minted } from './broker.ts'
import { CannotRevoke } from './broker.ts'
import { withoutSecrets } from './known.ts'
import { Leases, OWN_TASK } from './leases.ts'
import { secretParts } from './secret-parts.ts'

let place: TestStore
let store: Store
let now: number
let mint: Broker['mint']
let revoke: Broker['revoke']
const events: LogEvent[] = []
const minted: string[] = []
const revoked: (string | undefined)[] = []
const alarms: string[] = []
const over = new Set<string>()
const kek = randomBytes(32)

before(async () => {
  place = await sqliteStore()
  store = await place.open()
})

after(async () => {
  await store[Symbol.asyncDispose]()
  await place.dispose()
})

const dynamic = { url: 'http://127.0.0.1:1/mcp', headers: {}, credential: { kind: 'postgres' } }
const fixed = { url: 'http://127.0.0.1:1/mcp', headers: { authorization: { env: 'KEY' } } }
const configs: Record<string, ServerConfig> = {
  db: dynamic as unknown as ServerConfig,
  other: dynamic as unknown as ServerConfig,
  files: fixed as unknown as ServerConfig,
}

const holder = (task: string): LeaseHolder => ({
  task,
  grant: 'grt_1',
  agent: 'agt_1',
  instance: 'ins_1',
  subject: 'pt-104',
  onBehalfOf: 'dr-lee@example.org',
  purpose: 'Test',
  expiresAt: 3_600_000,
})

const credential = (lease: string): Minted => ({
  values: new Map([['token', `token-of-${lease}`]]),
  expiresAt: undefined,
  reference: `reference-of-${lease}`,
})

beforeEach(() => {
  now = 1000
  events.length = minted.length = revoked.length = alarms.length = 0
  over.clear()
  mint = async ({ lease }) => {
    minted.push(lease)
    return credential(lease)
  }
  revoke = async ({ reference }) => void revoked.push(reference)
})

const fresh = (deadline?: (ms: number) => AbortSignal) =>
  new Leases({
    ...(deadline === undefined ? {} : { deadline }),
    store,
    kek,
    clock: { now: () => now },
    recorder: {
      append: async (event) => {
        events.push(event)
        return { index: events.length, leaf: '' }
      },
    },
    brokers: new Map([
      [
        'postgres',
        { kind: 'postgres', mint: (request) => mint(request), revoke: (request) => revoke(request) },
      ],
    ]),
    resolve: async () => new Secret('static-secret'),
    serverConfig: (name) => configs[name],
    holder: (task) => (over.has(task) ? undefined : holder(task)),
    onOpened: async () => {},
    onAlarm: (problem) => alarms.push(problem),
    requestKey: () => ({ kid: 'k', pem: '' }),
  })

const rows = (task: string) =>
  store.db.selectFrom('leases').select(['state', 'server']).where('task_id', '=', task).execute()

test('the row is there before anything is minted, so that a crash leaves a trace, and it is revoked like one that was', async () => {
  mint = async () => {
    assert.deepEqual(await rows('t1'), [{ state: 'minting', server: 'db' }])
    throw new Error('killed here, with a secret in the message')
  }
  await assert.rejects(
    async () => fresh().injectionFor('db', 't1'),
    (error: Error) => {
      assert.doesNotMatch(error.message, /secret in the message/)
      return true
    },
  )
  assert.deepEqual(await rows('t1'), [{ state: 'revoked', server: 'db' }])
  assert.deepEqual(revoked, [undefined])
})

test('calls at the same moment share one credential, and later ones wait for nothing', async () => {
  const leases = fresh()
  await Promise.all([leases.injectionFor('db', 't2'), leases.injectionFor('db', 't2')])
  assert.equal(minted.length, 1)
  const again = leases.injectionFor('db', 't2')
  assert.ok(!(again instanceof Promise))
  assert.equal(again.headers.authorization, `Bearer token-of-${minted[0]}`)
  assert.deepEqual([...leases.knownSecrets()], [['db:token', `token-of-${minted[0]}`]])
})

test('two tasks never share a credential, and the secrets of both are known', async () => {
  const leases = fresh()
  const [a, b] = [await leases.injectionFor('db', 't2a'), await leases.injectionFor('db', 't2b')]
  assert.notEqual(a.headers.authorization, b.headers.authorization)
  assert.deepEqual(new Set(leases.knownSecrets().values()), new Set(minted.map((id) => `token-of-${id}`)))
})

test('an ended task has no credential, and ending it twice revokes once', async () => {
  const leases = fresh()
  await leases.injectionFor('db', 't3')
  await leases.injectionFor('other', 't3')
  await leases.injectionFor('files', 't3')
  assert.equal(await leases.close('t3'), true)
  assert.equal(await leases.close('t3'), true)
  assert.deepEqual(new Set(revoked), new Set(minted.map((id) => `reference-of-${id}`)))
  assert.deepEqual(new Set((await rows('t3')).map(({ state }) => state)), new Set(['revoked']))
  assert.equal(leases.knownSecrets().size, 0)
  assert.equal(events.filter(({ type }) => type === 'lease.closed').length, 3)
})

test('what revoking needs is kept sealed, and gone when it is over', async () => {
  const leases = fresh()
  await leases.injectionFor('db', 't3s')
  const read = () =>
    store.db.selectFrom('leases').select('reference').where('task_id', '=', 't3s').executeTakeFirstOrThrow()
  const { reference } = await read()
  assert.ok(reference)
  assert.doesNotMatch(Buffer.from(reference, 'base64').toString('latin1'), /reference-of/)
  await leases.close('t3s')
  assert.equal((await read()).reference, null)
})

test('a revocation that failed is not taken for done: it is tried again, later and later, and people are told', async () => {
  const leases = fresh()
  await leases.injectionFor('db', 't4')
  revoke = async () => {
    throw new Error('the upstream said: token-of-x')
  }
  assert.equal(await leases.close('t4'), false)
  assert.deepEqual(await rows('t4'), [{ state: 'revoke_failed', server: 'db' }])
  await leases.retryDue()
  assert.equal(
    (await leases.list({ task: 't4', alive: true }))[0]?.attempts,
    1,
    'it was tried before its time',
  )
  now += 1000
  await leases.retryDue()
  now += 2000
  await leases.retryDue()
  const [failed] = await leases.list({ task: 't4', alive: true })
  assert.equal(failed?.attempts, 3)
  assert.equal(alarms.length, 1)
  assert.doesNotMatch(JSON.stringify([alarms, failed, events]), /token-of-x/)
  assert.equal(events.filter(({ type }) => type === 'lease.revoke_failed').length, 2)
  revoke = async ({ reference }) => void revoked.push(reference)
  now += 60_000
  await leases.retryDue()
  assert.deepEqual(await rows('t4'), [{ state: 'revoked', server: 'db' }])
  assert.equal(await leases.isOver('t4'), true)
})

test('a credential that cannot be revoked keeps its task open until it has lapsed', async () => {
  mint = async ({ lease }) => ({ ...credential(lease), expiresAt: now + 60_000 })
  revoke = async () => {
    throw new CannotRevoke()
  }
  const leases = fresh()
  await leases.injectionFor('db', 't5')
  assert.equal(await leases.close('t5'), false)
  now += 61_000
  await leases.retryDue()
  assert.deepEqual(await rows('t5'), [{ state: 'lapsed', server: 'db' }])
})

test('a credential near its end is replaced, and the one before is revoked', async () => {
  mint = async ({ lease }) => {
    minted.push(lease)
    return { ...credential(lease), expiresAt: now + 60_000 }
  }
  const leases = fresh()
  await leases.injectionFor('db', 't6')
  now += 30_000
  await leases.injectionFor('db', 't6')
  assert.equal(minted.length, 1)
  now += 11_000
  const { headers } = await leases.injectionFor('db', 't6')
  assert.equal(headers.authorization, `Bearer token-of-${minted[1]}`)
  await leases.close('t6')
  assert.equal(minted.length, 2)
  assert.equal(revoked.length, 2)
})

test('a task that ends while its credential is minted gets none, and what was minted is revoked', async () => {
  const leases = fresh()
  mint = async ({ lease }) => {
    over.add('t7')
    return credential(lease)
  }
  await assert.rejects(async () => leases.injectionFor('db', 't7'), { name: 'Refusal' })
  assert.deepEqual(await rows('t7'), [{ state: 'revoked', server: 'db' }])
  assert.equal(revoked.length, 1)
  await assert.rejects(async () => leases.injectionFor('db', 't7'), { name: 'Refusal' })
  assert.equal((await rows('t7')).length, 1)
})

test('after a crash, credentials of tasks that are over are revoked with what was written down of them', async () => {
  await fresh().injectionFor('db', 'task-that-never-was')
  await fresh().recover()
  assert.deepEqual(await rows('task-that-never-was'), [{ state: 'revoked', server: 'db' }])
  assert.ok(revoked.includes(`reference-of-${minted[0]}`))
})

test('a configuration that changed after minting sends no revocation to another system', async () => {
  const asked: unknown[] = []
  revoke = async ({ config }) => void asked.push(config)
  const leases = fresh()
  await leases.injectionFor('other', 't8')
  const config = configs.other as ServerConfig
  configs.other = {
    ...dynamic,
    credential: { kind: 'postgres', role: 'elsewhere' },
  } as unknown as ServerConfig
  assert.equal(await leases.close('t8'), true)
  await leases.injectionFor('other', 't8b')
  delete configs.other
  assert.equal(await leases.close('t8b'), true)
  configs.other = config
  assert.deepEqual(asked, [{ kind: 'postgres' }, { kind: 'postgres', role: 'elsewhere' }])
})

test('a server that is not configured has no credential, and a broker’s refusal reaches the caller', async () => {
  await assert.rejects(async () => fresh().injectionFor('gone', 't9'), { name: 'Refusal' })
  mint = async () => refuse('CREDENTIAL_UNAVAILABLE', { server: 'db', detail: 'PostgreSQL refused (28000)' })
  await assert.rejects(async () => fresh().injectionFor('db', 't9'), /28000/)
})

test('a token minted while its task is closed is revoked by its reference, not taken for never minted', async () => {
  const leases = fresh()
  const gate = Promise.withResolvers<void>()
  mint = async ({ lease }) => {
    await gate.promise
    return credential(lease)
  }
  revoke = async ({ lease, reference }) => {
    assert.equal(reference, `reference-of-${lease}`)
    revoked.push(reference)
  }
  const asking = Promise.resolve(leases.injectionFor('db', 't10'))
  asking.catch(() => {})
  while ((await rows('t10')).length === 0) await new Promise((next) => setImmediate(next))
  over.add('t10')
  const closing = leases.close('t10')
  gate.resolve()
  assert.equal(await closing, true)
  await assert.rejects(asking, { name: 'Refusal' })
  assert.equal(revoked.length, 1)
  assert.equal(leases.knownSecrets().size, 0)
})

/** Makes the store refuse to change leases, as one that is away does. */
async function away<T>(work: () => Promise<T>): Promise<T> {
  await sql`create trigger away before update on leases begin select raise(abort, 'away'); end`.execute(
    store.db,
  )
  try {
    return await work()
  } finally {
    await sql`drop trigger away`.execute(store.db)
  }
}

test('a store that is away between minting and writing down does not make the token immortal', async () => {
  const leases = fresh()
  await away(() => assert.rejects(async () => leases.injectionFor('db', 't11'), { name: 'Refusal' }))
  assert.deepEqual(revoked, [])
  await leases.retryDue()
  assert.deepEqual(revoked, [`reference-of-${minted[0]}`])
  assert.deepEqual(await rows('t11'), [{ state: 'revoked', server: 'db' }])
})

test('a credential of the gateway itself that could not be given back is given back later', async () => {
  const leases = fresh()
  await leases.injectionFor('db', OWN_TASK)
  await away(() => assert.rejects(leases.release('db', OWN_TASK)))
  await leases.retryDue()
  assert.deepEqual(revoked, [`reference-of-${minted[0]}`])
})

test('a broker that does not stop when told holds nobody up, and what it yields too late is revoked', async () => {
  const time = new AbortController()
  const leases = fresh(() => (minted.length === 0 ? time.signal : new AbortController().signal))
  const late = Promise.withResolvers<void>()
  mint = async ({ lease }) => {
    await late.promise
    minted.push(lease)
    return credential(lease)
  }
  const asking = Promise.resolve(leases.injectionFor('db', 't12'))
  asking.catch(() => {})
  while ((await rows('t12')).length === 0) await new Promise((next) => setImmediate(next))
  time.abort()
  await assert.rejects(asking, { name: 'Refusal' })
  assert.equal(await leases.close('t12'), false)
  assert.match((await leases.list({ task: 't12', alive: true }))[0]?.last_error ?? '', /does not answer/)
  late.resolve()
  while ((await rows('t12'))[0]?.state !== 'revoked') await new Promise((next) => setImmediate(next))
  assert.deepEqual(revoked, [`reference-of-${minted[0]}`])
})

test('a broker that hangs while revoking does not hang the end of a task', async () => {
  const leases = fresh((ms) => (ms < 15_000 ? AbortSignal.abort() : new AbortController().signal))
  await leases.injectionFor('db', 't13')
  revoke = () => new Promise(() => {})
  assert.equal(await leases.close('t13'), false)
  assert.deepEqual(await rows('t13'), [{ state: 'revoke_failed', server: 'db' }])
})

test('of two gateways that revoke at once, the one that fails does not bring the lease back', async () => {
  const [one, two] = [fresh(), fresh()]
  await one.injectionFor('db', 't14')
  const gate = Promise.withResolvers<void>()
  revoke = async () => {
    await gate.promise
    throw new Error('away')
  }
  const failing = one.close('t14')
  while ((await rows('t14'))[0]?.state !== 'revoking') await new Promise((next) => setImmediate(next))
  revoke = async ({ reference }) => void revoked.push(reference)
  assert.equal(await two.close('t14'), true)
  gate.resolve()
  await failing
  assert.deepEqual(await rows('t14'), [{ state: 'revoked', server: 'db' }])
})

test('a clock that jumps ahead does not make a good token count as lapsed', async () => {
  mint = async ({ lease }) => ({ ...credential(lease), expiresAt: now + 60_000 })
  const leases = fresh()
  await leases.injectionFor('db', 't15')
  now += 86_400_000
  assert.equal(await leases.close('t15'), true)
  assert.equal(revoked.length, 1)
  assert.deepEqual(await rows('t15'), [{ state: 'revoked', server: 'db' }])
})

test('a token that can only lapse is no alarm', async () => {
  mint = async ({ lease }) => ({ ...credential(lease), expiresAt: now + 60_000 })
  revoke = async () => {
    throw new CannotRevoke()
  }
  const leases = fresh()
  await leases.injectionFor('db', 't16')
  for (let second = 0; second < 59; second++) {
    await leases.close('t16')
    now += 1000
    await leases.retryDue()
  }
  const [lease] = await leases.list({ task: 't16', alive: true })
  assert.ok(lease)
  assert.ok(alarms.every((problem) => !problem.includes(lease.id)))
  const before = await leases.notRevoked()
  await store.db.updateTable('leases').set({ upstream_expires_at: null }).where('id', '=', lease.id).execute()
  assert.equal(await leases.notRevoked(), before + 1)
})

test('a token that is being replaced, or cannot be revoked yet, is still recognised when a server says it', async () => {
  mint = async ({ lease }) => {
    minted.push(lease)
    return { ...credential(lease), expiresAt: now + 60_000 }
  }
  const leases = fresh()
  await leases.injectionFor('db', 't17')
  const first = `token-of-${minted[0]}`
  now += 50_000
  const gate = Promise.withResolvers<void>()
  const quick = mint
  mint = async (request) => {
    await gate.promise
    return await quick(request)
  }
  revoke = async () => {
    throw new Error('away')
  }
  const renewing = Promise.resolve(leases.injectionFor('db', 't17'))
  assert.ok([...leases.knownSecrets().values()].includes(first), 'while it is replaced')
  gate.resolve()
  await renewing
  assert.ok([...leases.knownSecrets().values()].includes(first), 'while it is good')
})

test('a static secret that was replaced is still recognised: its system may go on taking it', async () => {
  const leases = fresh()
  await leases.injectionFor('files', 't18')
  leases.refresh('files')
  while ((await rows('t18'))[0]?.state !== 'revoked') await new Promise((next) => setImmediate(next))
  assert.ok([...leases.knownSecrets().values()].includes('static-secret'))
})

test('a configuration that changes while a credential is minted is the one that is used', async () => {
  const leases = fresh()
  const gate = Promise.withResolvers<void>()
  const quick = mint
  mint = async (request) => {
    if (minted.length === 0) await gate.promise
    return await quick(request)
  }
  const asking = Promise.resolve(leases.injectionFor('db', 't19'))
  while ((await rows('t19')).length === 0) await new Promise((next) => setImmediate(next))
  leases.refresh('db')
  gate.resolve()
  assert.equal((await asking).headers.authorization, `Bearer token-of-${minted[1]}`)
  while (revoked.length === 0) await new Promise((next) => setImmediate(next))
  assert.deepEqual(revoked, [`reference-of-${minted[0]}`])
})

test('a task that another gateway ended gets no credential here, though this one has not heard of it', async () => {
  const at = { opened_at: 1, expires_at: 9, idle_ms: 9, last_used_at: 1, closed_at: 1 }
  const who = { agent_id: 'agt_1', instance_id: 'ins_1', on_behalf_of: 'x', vouched: 'sponsor' as const }
  const what = { template: 't', purpose: 'p', subject: null, parent_id: null, lineage: '/t20/', txn: 't20' }
  await sql`pragma foreign_keys = off`.execute(store.db)
  await store.db
    .insertInto('tasks')
    .values({ id: 't20', ...who, ...what, ...at, state: 'closed', end_reason: 'revoked' })
    .execute()
  const leases = fresh()
  await assert.rejects(async () => leases.injectionFor('db', 't20'), { name: 'Refusal' })
  assert.deepEqual(revoked, [`reference-of-${minted[0]}`])
})

test('a credential that is held is not given out for a task that has ended', async () => {
  const leases = fresh()
  await leases.injectionFor('db', 't21')
  over.add('t21')
  assert.throws(() => leases.injectionFor('db', 't21'), { name: 'Refusal' })
  await leases.close('t21')
})

test('the bare key in a header, and the password in an address, are recognised too', async () => {
  assert.deepEqual(secretParts('Bearer sk-1234567890'), ['Bearer sk-1234567890', 'sk-1234567890'])
  const basic = `Basic ${Buffer.from('user:pass:word').toString('base64')}`
  assert.ok(secretParts(basic).includes('pass:word'))
  assert.ok(secretParts('postgres://u:p%40ssword@db/x').includes('p@ssword'))
  assert.deepEqual(secretParts('plain-secret'), ['plain-secret'])
})

test('what a server writes to its error output is shown without the secrets it has', () => {
  const known = new Map([
    ['db:password', 'p4ss-w0rd-$&'],
    ['db:url', 'postgres://u:p4ss-w0rd-$&@db/x'],
  ])
  const said = 'cannot reach postgres://u:p4ss-w0rd-$&@db/x with p4ss-w0rd-$&'
  assert.equal(withoutSecrets(said, known), 'cannot reach [db:url] with [db:password]')
})
