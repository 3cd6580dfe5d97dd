import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { ServerConfig } from '../config/schema.ts'
import { Refusal } from '../model/refusal.ts'
import type { Store } from '../store/store.ts'
import type { TestStore } from '../store/testing.ts'
import { sqliteStore } from '../store/testing.ts'
import { compose } from './injection.ts'
import { References } from './resolve.ts'
import { Secrets } from './secrets.ts'

const by = { kind: 'operator', operator: 'alice' } as const
const dir = mkdtempSync(join(tmpdir(), 'ostiary-secrets-'))
let place: TestStore
let store: Store
let secrets: Secrets
let references: References
let now = 5

before(async () => {
  place = await sqliteStore()
  store = await place.open()
  secrets = new Secrets({
    store,
    clock: { now: () => now },
    recorder: { append: async () => ({ index: 0, leaf: '' }) },
    kek: randomBytes(32),
  })
  references = new References({ dir, env: { SET: 'from-env', EMPTY: '' }, secrets })
})

after(async () => {
  await store[Symbol.asyncDispose]()
  await place.dispose()
  rmSync(dir, { recursive: true, force: true })
})

const why = async (work: Promise<unknown>): Promise<string> => {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof Refusal)
  return error.message
}

test('a secret comes from the environment, a private file or the sealed store', async () => {
  writeFileSync(join(dir, 'key'), 'from-file\n', { mode: 0o600 })
  await secrets.put('github', 'first', by)
  await secrets.put('github', 'second', by)
  assert.equal((await references.resolve('s', { env: 'SET' })).reveal(), 'from-env')
  assert.equal((await references.resolve('s', { file: 'key' })).reveal(), 'from-file')
  assert.equal((await references.resolve('s', { broker: 'sealed:github' })).reveal(), 'second')
})

test('a file that others can read is refused, naming the file and what to do', {
  skip: process.platform === 'win32',
}, async () => {
  writeFileSync(join(dir, 'open'), 'very-secret')
  chmodSync(join(dir, 'open'), 0o644)
  const message = await why(references.resolve('s', { file: 'open' }))
  assert.match(message, /chmod 600 open/)
  assert.ok(!message.includes('very-secret'))
})

test('what is missing is named', async () => {
  assert.match(await why(references.resolve('s', { env: 'UNSET' })), /UNSET is not set/)
  assert.match(await why(references.resolve('s', { env: 'EMPTY' })), /EMPTY is not set/)
  assert.match(await why(references.resolve('s', { file: 'none' })), /none cannot be read/)
  assert.match(await why(references.resolve('s', { broker: 'sealed:none' })), /none/)
})

test('the store holds no secret in clear, and a destroyed one is gone', async () => {
  await secrets.put('mail', 'plain-text-password', by)
  const held = JSON.stringify(await store.db.selectFrom('secrets').selectAll().execute())
  assert.ok(!held.includes('plain-text-password'))
  assert.ok(!JSON.stringify(await secrets.list()).includes('plain-text-password'))
  await secrets.destroy('mail', by)
  await assert.rejects(secrets.open('mail'), Refusal)
  const after = await store.db.selectFrom('secrets').select('sealed').where('name', '=', 'mail').execute()
  assert.deepEqual(after, [{ sealed: '' }])
})

test('a value that was replaced can be gone back to while its grace lasts, and is destroyed after', async () => {
  const value = async () => (await secrets.open('turn')).reveal()
  const kept = async () =>
    (await store.db.selectFrom('secrets').select(['version', 'sealed']).where('name', '=', 'turn').execute())
      .filter(({ sealed }) => sealed !== '')
      .map(({ version }) => version)
  await secrets.put('turn', 'one', by)
  await secrets.put('turn', 'two', by, 1000)
  assert.equal(await value(), 'two')
  await secrets.rollback('turn', by)
  assert.equal(await value(), 'one')
  await assert.rejects(secrets.rollback('turn', by), /no earlier version/)
  // A version that was gone back from is never used again, not even its number.
  assert.equal((await secrets.put('turn', 'three', by, 1000)).version, 3)
  await secrets.rollback('turn', by)
  assert.equal(await value(), 'one')
  assert.equal((await secrets.put('turn', 'four', by, 1000)).version, 4)
  now += 1001
  await assert.rejects(secrets.rollback('turn', by), /no earlier version/)
  await secrets.sweep()
  assert.deepEqual(await kept(), [4])
  assert.equal(await value(), 'four')
  await secrets.put('turn', 'five', by, 0)
  assert.deepEqual(await kept(), [5])
})

const resolve: References['resolve'] = (...args) => references.resolve(...args)
const http = (headers: object) => ({ url: 'http://127.0.0.1:1/mcp', headers }) as unknown as ServerConfig
const minted = (values: Record<string, string>) => ({
  values: new Map(Object.entries(values)),
  expiresAt: undefined,
})

test('what the configuration names is injected, and what of it is secret is known', async () => {
  const config = http({ Authorization: { env: 'SET' }, 'X-Plain': 'visible' })
  const { headers, env, secrets: known } = await compose('files', config, undefined, resolve)
  assert.deepEqual([headers, env], [{ authorization: 'from-env', 'x-plain': 'visible' }, {}])
  assert.deepEqual([...known], [['files:Authorization', 'from-env']])
})

test('a minted token goes out as a bearer unless the configuration puts it elsewhere', async () => {
  const plain = await compose('ehr', http({}), minted({ token: 'minted-1' }), resolve)
  assert.deepEqual(plain.headers, { authorization: 'Bearer minted-1' })
  const placed = await compose(
    'ehr',
    http({ 'X-Api-Key': { lease: 'token' } }),
    minted({ token: 't-2' }),
    resolve,
  )
  assert.deepEqual(placed.headers, { 'x-api-key': 't-2' })
  assert.ok([...placed.secrets.values()].includes('t-2'))
  await assert.rejects(
    compose('ehr', http({ A: { lease: 'url' } }), minted({ token: 't' }), resolve),
    Refusal,
  )
})

test('a child process gets the parts of its credential and nothing else', async () => {
  const config = { command: 'x', env: { PGUSER: { lease: 'user' }, MODE: 'ro' } } as unknown as ServerConfig
  const { headers, env } = await compose('db', config, minted({ user: 'u1', password: 'p1' }), resolve)
  assert.deepEqual([headers, env], [{}, { PGUSER: 'u1', MODE: 'ro' }])
})
