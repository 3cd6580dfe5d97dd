import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import type { LogEvent } from '../model/evidence.ts'
import { AuditUnavailable } from '../model/evidence.ts'
import { localBus } from '../store/local-bus.ts'
import type { Store } from '../store/store.ts'
import type { TestStore } from '../store/testing.ts'
import { sqliteStore } from '../store/testing.ts'
import { covers, Locks } from './locks.ts'
import { RateLimit } from './rate-limit.ts'

let place: TestStore
let store: Store
let now = 1000
let logFails = false
const events: LogEvent[] = []

before(async () => {
  place = await sqliteStore()
  store = await place.open()
})
after(async () => {
  await store[Symbol.asyncDispose]()
  await place.dispose()
})

const make = () =>
  new Locks({
    store,
    bus: localBus(),
    clock: { now: () => now },
    recorder: {
      append: async (event) => {
        if (logFails) throw new AuditUnavailable('the disk is full')
        events.push(event)
        return { index: events.length, leaf: '' }
      },
    },
  })

const subject = { agent: 'agt_1', instance: 'ins_1', task: 'tsk_1', server: 'files', tool: 'read' }
const targets = {
  global: '*',
  agent: 'agt_1',
  instance: 'ins_1',
  task: 'tsk_1',
  server: 'files',
  tool: 'files/read',
} as const
const by = { kind: 'operator', operator: 'bob' } as const

for (const [scope, target] of Object.entries(targets)) {
  test(`a lock on ${scope} stops the next call, survives a restart, and only lifting it ends it`, async () => {
    const locks = make()
    const lock = await locks.set({ scope: scope as 'agent', target, why: 'odd', by: 'alice' })
    assert.equal(locks.view.stops(subject)?.id, lock.id)
    assert.ok(covers(lock, subject))
    const after = make()
    await after.load()
    assert.deepEqual(after.view.stops(subject), lock)
    const other = { agent: 'x', instance: 'x', task: 'x', server: 'x', tool: 'x' }
    assert.equal(after.view.stops(other) !== undefined, scope === 'global')
    await after.lift(lock.id, by)
    assert.equal(after.view.stops(subject), undefined)
    assert.deepEqual(
      events.slice(-2).map(({ type, actor }) => [type, 'operator' in actor && actor.operator]),
      [
        ['lock.set', 'alice'],
        ['lock.lifted', 'bob'],
      ],
    )
    await assert.rejects(after.lift(lock.id, by), { name: 'Refusal' })
  })
}

test('a lock ends by itself at its time and not a moment before', async () => {
  const locks = make()
  await locks.set({ scope: 'task', target: 'tsk_1', why: 'odd', by: 'alice', expiresAt: now + 100 })
  now += 99
  assert.ok(locks.view.stops(subject))
  now += 1
  assert.equal(locks.view.stops(subject), undefined)
  assert.deepEqual(locks.view.list(), [])
})

test('of two locks on one target, lifting one leaves the other', async () => {
  const locks = make()
  const first = await locks.set({ scope: 'server', target: 'files', why: 'a', by: 'alice' })
  const second = await locks.set({ scope: 'server', target: 'files', why: 'b', by: 'alice' })
  await locks.lift(first.id, by)
  assert.equal(locks.view.stops(subject)?.id, second.id)
  await locks.lift(second.id, by)
})

test('a lock holds also when the log cannot take it, and whoever set it is told', async () => {
  const locks = make()
  logFails = true
  await assert.rejects(
    locks.set({ scope: 'agent', target: 'agt_1', why: 'odd', by: 'alice' }),
    AuditUnavailable,
  )
  logFails = false
  const lock = locks.view.stops(subject)
  assert.ok(lock)
  await locks.lift(lock.id, by)
})

test('a flood is let through at the rate of the limit and no faster', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.array(fc.nat(300), { minLength: 1, maxLength: 200 }),
      (rate, gaps) => {
        let time = 0
        const limit = new RateLimit(rate, () => time)
        let taken = 0
        for (const gap of gaps) {
          time += gap
          if (limit.take('a') === 0) taken++
        }
        assert.ok(taken <= rate + (time * rate) / 1000 + 1, `${taken} in ${time} ms at ${rate}/s`)
      },
    ),
  )
})

test('waiting as long as it says is enough, and others are not held up', () => {
  let time = 0
  const limit = new RateLimit(2, () => time)
  assert.deepEqual([limit.take('a'), limit.take('a')], [0, 0])
  const wait = limit.take('a')
  assert.ok(wait > 0)
  assert.equal(limit.take('b'), 0)
  time += Math.ceil(wait)
  assert.equal(limit.take('a'), 0)
})

test('made-up names do not fill memory', () => {
  let time = 0
  const limit = new RateLimit(5, () => time)
  for (let i = 0; i < 30_000; i++) {
    time += 1
    limit.take(`stranger-${i}`)
  }
  assert.equal(limit.take('known'), 0)
})
