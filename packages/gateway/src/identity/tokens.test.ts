import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import type { Principal } from '../model/principal.ts'
import { Refusal } from '../model/refusal.ts'
import type { Store } from '../store/store.ts'
import type { TestStore } from '../store/testing.ts'
import { sqliteStore } from '../store/testing.ts'
import { testKey } from './testing.ts'
import { hashToken, isToken, mintToken, Tokens } from './tokens.ts'

const START = 1_800_000_000_000
const HOUR = 3_600_000
const key = testKey()
const principal: Principal = {
  agent: 'agt_1',
  agentName: 'bot',
  instance: 'ins_1',
  jkt: key.jkt,
  binding: 'dpop',
  sponsor: 'alice@example.org',
  chain: [{ agent: 'agt_1', instance: 'ins_1' }],
}

let place: TestStore
let store: Store
let now: number
let tokens: Tokens

beforeEach(async () => {
  now = START
  place = await sqliteStore()
  store = await place.open()
  tokens = another()
  const { db } = store
  await db
    .insertInto('agents')
    .values({
      id: 'agt_1',
      name: 'bot',
      sponsor: 'alice@example.org',
      purpose: '',
      status: 'active',
      created_at: now,
      review_due_at: now,
      sponsor_left_at: null,
      bearer: 0,
    })
    .execute()
  await db
    .insertInto('instances')
    .values({
      id: 'ins_1',
      agent_id: 'agt_1',
      host: '',
      status: 'active',
      enrolled_at: now,
      last_seen_at: now,
      method: 'one-time code',
      attested: '{}',
      parent_task: null,
    })
    .execute()
  await db
    .insertInto('instance_keys')
    .values({
      jkt: key.jkt,
      instance_id: 'ins_1',
      jwk: JSON.stringify(key.jwk),
      state: 'active',
      not_after: null,
      created_at: now,
    })
    .execute()
})

afterEach(async () => {
  await store[Symbol.asyncDispose]()
  await place.dispose()
})

/** Another process on the same store. */
const another = () => new Tokens({ store, clock: { now: () => now } })

const issue = (change: { task?: string; expiresAt?: number; principal?: Principal } = {}) =>
  tokens.issue({ principal, task: undefined, lineage: [], expiresAt: now + 300_000, ...change })

async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work
    return undefined
  } catch (error) {
    if (error instanceof Refusal) return error.reason.code
    throw error
  }
}

test('tokens cannot be guessed, and a mistyped one is told from a foreign one', () => {
  const made = new Set(Array.from({ length: 200 }, mintToken))
  assert.equal(made.size, 200)
  for (const token of made) {
    assert.ok(isToken(token), token)
    const at = 4 + (token.charCodeAt(20) % 49)
    const wrong = token.slice(0, at) + (token[at] === 'a' ? 'b' : 'a') + token.slice(at + 1)
    assert.ok(!isToken(wrong), `${wrong} of ${token}`)
  }
  for (const text of ['', 'ost_', `${mintToken()}\n`, mintToken().toUpperCase(), mintToken().slice(1)])
    assert.ok(!isToken(text), text)
})

test('the store holds the hash of a token and what it is bound to, not the token', async () => {
  const token = await issue({ task: 'tsk_1' })
  const rows = await store.db.selectFrom('tokens').selectAll().execute()
  assert.equal(rows.length, 1)
  assert.equal(rows[0]?.hash, hashToken(token))
  assert.equal(rows[0]?.jkt, key.jkt)
  assert.ok(!JSON.stringify(rows).includes(token.slice(4, 47)))
})

test('no token without a key: one bound to a foreign, ended or soon ending key is not issued', async () => {
  assert.equal(await codeOf(issue({ principal: { ...principal, jkt: testKey().jkt } })), 'INSTANCE_REVOKED')
  assert.equal(await codeOf(issue({ principal: { ...principal, instance: 'ins_2' } })), 'INSTANCE_REVOKED')
  const keys = store.db.updateTable('instance_keys')
  await keys.set({ state: 'retiring', not_after: now + 60_000 }).execute()
  assert.equal(await codeOf(issue({ expiresAt: now + 60_001 })), 'PROOF_KEY_MISMATCH')
  assert.equal(await codeOf(issue({ expiresAt: now + 60_000 })), undefined)
  await keys.set({ state: 'revoked' }).execute()
  assert.equal(await codeOf(issue({ expiresAt: now + 1 })), 'PROOF_KEY_MISMATCH')
})

test('no token for who may not act any more, though the request began while it might', async () => {
  await store.db.updateTable('agents').set({ status: 'suspended' }).execute()
  assert.equal(await codeOf(issue()), 'AGENT_SUSPENDED')
  await store.db.updateTable('agents').set({ status: 'revoked' }).execute()
  assert.equal(await codeOf(issue()), 'AGENT_REVOKED')
  await store.db.updateTable('instances').set({ status: 'revoked' }).execute()
  assert.equal(await codeOf(issue()), 'INSTANCE_REVOKED')
})

test('an instance cannot fill the store with tokens, and ended ones do not count', async () => {
  const row = (hash: string) => ({
    hash,
    instance_id: 'ins_1',
    agent_id: 'agt_1',
    task_id: null,
    jkt: key.jkt,
    binding: 'dpop' as const,
    expires_at: now + 1000,
    revoked_at: null,
    created_at: now,
  })
  await store.db
    .insertInto('tokens')
    .values(Array.from({ length: 499 }, (_, i) => row(`h${i}`)))
    .execute()
  const last = await issue()
  assert.equal(await codeOf(issue()), 'TOO_MANY')
  await tokens.revoke({ hash: hashToken(last) })
  assert.equal(await codeOf(issue()), undefined)
  now += 1001
  assert.equal(await codeOf(issue()), undefined)
})

for (const [what, by] of [
  ['token', undefined],
  ['instance', { instance: 'ins_1' }],
  ['agent', { agent: 'agt_1' }],
] as const) {
  test(`a revoked ${what} is not in force from that moment, here or after a restart`, async () => {
    const token = hashToken(await issue())
    assert.ok(tokens.inForce(token, now))
    await tokens.revoke(by ?? { hash: token })
    assert.equal(tokens.inForce(token, now), false)
    assert.equal((await tokens.resolve(token))?.status.token, 'revoked')
    assert.equal(tokens.inForce(token, now), false, 'reading it brought it back')
    assert.equal((await another().resolve(token))?.status.token, 'revoked')
  })
}

test('a revocation the store could not write still ends the token in memory', async () => {
  const token = hashToken(await issue())
  const failing = another()
  assert.ok(await failing.resolve(token))
  assert.ok(failing.inForce(token, now))
  await store[Symbol.asyncDispose]()
  await assert.rejects(failing.revoke({ instance: 'ins_1' }))
  assert.equal(failing.inForce(token, now), false)
  store = await place.open()
})

test('a token read while it is being revoked does not come back to life', async () => {
  const token = hashToken(await issue({ task: 'tsk_1' }))
  const here = another()
  const reading = here.resolve(token)
  here.drop({ task: 'tsk_1' })
  await reading
  assert.equal(here.inForce(token, now), false)
})

test('the end of one task leaves the tokens of others', async () => {
  const one = hashToken(await issue({ task: 'tsk_1' }))
  const two = hashToken(await issue({ task: 'tsk_2' }))
  const base = hashToken(await issue())
  tokens.drop({ task: 'tsk_1' })
  assert.deepEqual(
    [one, two, base].map((token) => tokens.inForce(token, now)),
    [false, true, true],
  )
})

test('an expired token is not in force, and is gone from the store an hour later', async () => {
  const token = hashToken(await issue())
  now += 300_000
  assert.equal(tokens.inForce(token, now), false)
  const count = async () => (await store.db.selectFrom('tokens').select('hash').execute()).length
  await tokens.sweep()
  assert.equal(await count(), 1)
  now += HOUR + 1
  await tokens.sweep()
  assert.equal(await count(), 0)
  assert.equal(await tokens.resolve(token), undefined)
})
