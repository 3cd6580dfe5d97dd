import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { InstanceKey } from './key.ts'
import { GatewayRefusal, GatewayUnreachable } from './problem.ts'
import { Keys } from './rotation.ts'
import { InstanceState } from './state.ts'

let dir: string
let state: InstanceState
/** The gateway's side: thumbprints it takes. */
let known: Set<string>

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ostiary-agent-'))
  state = new InstanceState(dir)
  const key = InstanceKey.create()
  state.enrolled({ instance: 'ins_1', agent: 'agt_1', issuer: 'http://127.0.0.1:1' }, key)
  known = new Set([key.thumbprint])
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const open = () => new Keys(new InstanceState(dir), new InstanceState(dir).load().key)
const refusal = () => new GatewayRefusal('ASSERTION_INVALID', 401, 'no key of the instance signed it', '')
const check = async (key: InstanceKey) => {
  if (!known.has(key.thumbprint)) throw refusal()
  return key.thumbprint
}
/** A process that is killed: what it would have done next never happens. */
class Killed extends Error {}

test('a rotation takes the new key into use, here and for the next process', async () => {
  const keys = open()
  const before = keys.current.thumbprint
  await keys.rotate(check, async (next) => void known.add(next.thumbprint))
  assert.notEqual(keys.current.thumbprint, before)
  assert.equal(open().current.thumbprint, keys.current.thumbprint)
  assert.deepEqual(readdirSync(dir).sort(), ['instance.json', 'key.pem'])
})

test('killed before the gateway heard of the new key, the instance goes on with the old one', async () => {
  const before = open().current.thumbprint
  await assert.rejects(
    open().rotate(check, async () => {
      throw new Killed()
    }),
    Killed,
  )
  assert.equal(await open().using(check), before)
})

test('killed after the gateway took the new key, the instance goes on with that one when the old one ends', async () => {
  const keys = open()
  const old = keys.current.thumbprint
  await assert.rejects(
    keys.rotate(check, async (next) => {
      known.add(next.thumbprint)
      throw new Killed()
    }),
    Killed,
  )
  assert.equal(await open().using(check), old)
  known.delete(old)
  const after = open()
  assert.ok(known.has(await after.using(check)))
  assert.equal(open().current.thumbprint, after.current.thumbprint)
})

test('without an answer both keys are kept, since the gateway may have taken the new one', async () => {
  await assert.rejects(
    open().rotate(check, async () => {
      throw new GatewayUnreachable('gone')
    }),
    GatewayUnreachable,
  )
  assert.ok(readdirSync(dir).includes('key.next.pem'))
})

test('a refused key is forgotten at once', async () => {
  await assert.rejects(
    open().rotate(check, async () => {
      throw new GatewayRefusal('KEY_IN_USE', 409, '', '')
    }),
    GatewayRefusal,
  )
  assert.ok(!readdirSync(dir).includes('key.next.pem'))
})

test('a process whose key another one rotated finds the new key', async () => {
  const [first, second] = [open(), open()]
  await first.rotate(check, async (next) => {
    known = new Set([next.thumbprint])
  })
  assert.equal(await second.using(check), first.current.thumbprint)
})

test('of two rotations at once one is told to wait, and a stale one is cleared away', async () => {
  const held = Promise.withResolvers<void>()
  const slow = open().rotate(check, async (next) => {
    await held.promise
    known.add(next.thumbprint)
  })
  await assert.rejects(
    open().rotate(check, async () => {}),
    /under way/,
  )
  held.resolve()
  await slow
  state.prepareNext(InstanceKey.create())
  const past = Date.now() / 1000 - 120
  utimesSync(join(dir, 'key.next.pem'), past, past)
  await open().rotate(check, async (next) => void known.add(next.thumbprint))
})

test('an instance the gateway does not know at all says so instead of trying for ever', async () => {
  known.clear()
  await assert.rejects(open().using(check), GatewayRefusal)
})

test('the key is private, and one that others could read is not used', {
  skip: process.platform === 'win32',
}, () => {
  const path = join(dir, 'key.pem')
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.ok(!readFileSync(join(dir, 'instance.json'), 'utf8').includes('PRIVATE'))
  chmodSync(path, 0o640)
  assert.throws(() => state.load(), /can be read by other accounts/)
  chmodSync(path, 0o600)
  chmodSync(dir, 0o777)
  assert.throws(() => state.load(), /chmod 700/)
})

test('a file that holds no key is named, not quoted', () => {
  const path = join(dir, 'key.pem')
  rmSync(path)
  assert.throws(() => state.load(), /Enrol again/)
})
