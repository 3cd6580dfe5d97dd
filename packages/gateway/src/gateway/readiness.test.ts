import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Readiness, unmet } from './readiness.ts'

test('what is missing is named in one word, whether it says no or fails', async () => {
  const missing = await unmet({
    log: () => true,
    bus: () => false,
    store: async () => {
      throw new Error('connect ECONNREFUSED 10.0.0.7:5432')
    },
  })
  assert.deepEqual(missing, ['bus', 'store'])
})

test('asking often does not make it look often', async () => {
  let looks = 0
  const readiness = new Readiness(async () => {
    looks++
    return []
  })
  await Promise.all(Array.from({ length: 1000 }, () => readiness.missing()))
  assert.equal(looks, 1)
})
