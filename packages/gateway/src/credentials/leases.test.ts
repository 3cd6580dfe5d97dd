import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ServerConfig } from '../config/schema.ts'
import type { LogEvent } from '../model/evidence.ts'
import type { Store } from '../store/store.ts'
import type { TestStore } from '../store/testing.ts'
import { sqliteStore } from '../store/testing.ts'
import type { Broker } from './broker.ts'
import { Leases } from './leases.ts'

let place: TestStore
let store: Store
const events: LogEvent[] = []
const minted: string[] = []
const revoked: string[] = []
let mint: Broker['mint']
let revoke: Broker['revoke']

before(async () => {
  place = await sqliteStore()
  store = await place.open()
})

after(async () => {
  await store[Symbol.asyncDispose]()
  await place.dispose()
})

const config = { url: 'http://127.0.0.1:1/mcp' } as ServerConfig

function fresh(): Leases {
  mint = async (server) => {
    minted.push(server)
    return {
      injection: { headers: { authorization: `secret-for-${server}` }, env: {} },
      secrets: new Map([[`${server}:authorization`, `secret-for-${server}`]]),
      expiresAt: undefined,
    }
  }
  revoke = async (lease) => void revoked.push(lease)
  events.length = minted.length = revoked.length = 0
  return new Leases({
    store,
    clock: { now: () => 1000 },
    recorder: {
      append: async (event) => {
        events.push(event)
        return { index: events.length, leaf: '' }
      },
    },
    broker: { name: 'test', mint: (...args) => mint(...args), revoke: (id) => revoke(id) },
    serverConfig: (name) => (name === 'gone' ? undefined : config),
    onOpened: async () => {},
  })
}

const rows = (task: string) =>
  store.db.selectFrom('leases').select(['state', 'server']).where('task_id', '=', task).execute()

test('the row is there before anything is minted, so that a crash leaves a trace', async () => {
  const leases = fresh()
  mint = async () => {
    assert.deepEqual(await rows('t1'), [{ state: 'minting', server: 'files' }])
    throw new Error('killed here')
  }
  await assert.rejects(async () => leases.injectionFor('files', 't1'), /killed here/)
  assert.deepEqual(await rows('t1'), [{ state: 'lapsed', server: 'files' }])
})

test('calls at the same moment share one lease, and later ones wait for nothing', async () => {
  const leases = fresh()
  await Promise.all([leases.injectionFor('files', 't2'), leases.injectionFor('files', 't2')])
  assert.deepEqual(minted, ['files'])
  const again = leases.injectionFor('files', 't2')
  assert.ok(!(again instanceof Promise))
  assert.equal(again.headers.authorization, 'secret-for-files')
  assert.deepEqual([...leases.knownSecrets()], [['files:authorization', 'secret-for-files']])
})

test('an ended task has no credential, and ending it twice revokes once', async () => {
  const leases = fresh()
  await leases.injectionFor('files', 't3')
  await leases.injectionFor('mail', 't3')
  await leases.close('t3')
  await leases.close('t3')
  assert.equal(revoked.length, 2)
  assert.deepEqual(new Set((await rows('t3')).map(({ state }) => state)), new Set(['revoked']))
  assert.equal(leases.knownSecrets().size, 0)
  assert.deepEqual(
    events.map(({ type }) => type),
    ['lease.opened', 'lease.opened', 'lease.closed', 'lease.closed'],
  )
})

test('a revocation that failed is not taken for done, and is tried again', async () => {
  const leases = fresh()
  await leases.injectionFor('files', 't4')
  revoke = async () => {
    throw new Error('the upstream is down')
  }
  await assert.rejects(leases.close('t4'), /upstream is down/)
  assert.deepEqual(await rows('t4'), [{ state: 'revoke_failed', server: 'files' }])
  revoke = async (lease) => void revoked.push(lease)
  await leases.close('t4')
  assert.deepEqual(await rows('t4'), [{ state: 'revoked', server: 'files' }])
})

test('after a crash, leases of tasks that are over are revoked', async () => {
  const before = fresh()
  await before.injectionFor('files', 'task-that-never-was')
  const leases = fresh()
  await leases.recover()
  assert.deepEqual(await rows('task-that-never-was'), [{ state: 'revoked', server: 'files' }])
})

test('a server that is not configured has no credential', async () => {
  await assert.rejects(async () => fresh().injectionFor('gone', 't5'), { name: 'Refusal' })
})
