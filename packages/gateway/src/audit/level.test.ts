import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Policy } from '@ostiary/evidence'
import type { LevelInput } from './level.ts'
import { levelOf } from './level.ts'

const NOW_S = 1_700_000_000
const policy: Policy = { logs: [], witnesses: [], isQuorum: (names) => names.size >= 2 }
const seen = (size: number, ...ages: number[]) => ({
  size,
  cosignatures: ages.map((age, i) => ({ witness: `w${i}`, time: NOW_S - age })),
})
const level = (input: Partial<Parameters<typeof levelOf>[0]>) =>
  levelOf({ policy, witnessed: undefined, now: NOW_S * 1000, ...input })

test('the level is what witnesses vouch for now, and nothing that was once so', () => {
  assert.equal(level({ witnessed: seen(9, 1, 2) }).name, 'witnessed(2)')
  assert.equal(level({ witnessed: seen(9, 1, 2, 3) }).name, 'witnessed(3)')
  assert.equal(level({}).name, 'local')
  assert.equal(level({ witnessed: seen(9, 1) }).name, 'local', 'no quorum')
  assert.equal(level({ witnessed: seen(9, 1, 500) }).name, 'local', 'no fresh quorum')
  assert.equal(level({ witnessed: seen(9, 1, 2, 500) }).name, 'witnessed(2)')
  assert.equal(level({ witnessed: seen(9, 1, 2), policy: undefined }).name, 'local')
  const always: Policy = { ...policy, isQuorum: () => true }
  assert.equal(level({ witnessed: seen(9), policy: always }).name, 'local', 'a quorum of nobody is none')
})

test('a mirror counts when it holds what is witnessed, and never without witnesses', () => {
  const mirror = { state: 'current', size: 900, current_at: NOW_S * 1000 } as const
  const named = (changed: Partial<LevelInput['mirror']>) =>
    level({ witnessed: seen(900, 1, 2), mirror: { ...mirror, ...changed } }).name
  assert.equal(named({}), 'witnessed(2)+mirrored')
  assert.equal(named({ size: 768 }), 'witnessed(2)+mirrored')
  assert.equal(named({ size: 512 }), 'witnessed(2)')
  assert.equal(level({ mirror }).name, 'local')
  for (const state of ['starting', 'failing', 'contradicted'] as const)
    assert.equal(named({ state }), 'witnessed(2)', `what it held once, while it is ${state}, is not held`)
  assert.equal(named({ current_at: (NOW_S - 601) * 1000 }), 'witnessed(2)', 'it hangs')
  assert.equal(named({ current_at: null }), 'witnessed(2)')
})

test('a cosignature from the future is not fresh, by however much the clock was set back', () => {
  assert.equal(level({ witnessed: seen(9, -100_000, -100_000) }).name, 'local')
})
