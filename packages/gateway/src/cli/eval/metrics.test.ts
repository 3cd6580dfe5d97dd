import assert from 'node:assert/strict'
import { test } from 'node:test'
import { areaUnderCurve, recallAt, shareOf } from './metrics.ts'

test('the area is 1 when every attack scores above every clean text, 0 the other way round, a half for ties', () => {
  assert.equal(areaUnderCurve([0.8, 0.9], [0.1, 0.2]), 1)
  assert.equal(areaUnderCurve([0.1, 0.2], [0.8, 0.9]), 0)
  assert.equal(areaUnderCurve([0.5, 0.5], [0.5]), 0.5)
  assert.equal(areaUnderCurve([0.3, 0.9], [0.1, 0.5]), 0.75)
})

test('recall is taken at a threshold that the allowed share of clean texts passes, and no more', () => {
  const negatives = Array.from({ length: 100 }, (_, i) => i / 100)
  assert.equal(recallAt(0.01, [0.985, 0.995, 0.97, 0.5], negatives), 0.5)
  assert.equal(recallAt(0, [0.985, 1], negatives), 0.5)
  assert.equal(recallAt(1, [0, 1], negatives), 1)
})

test('of nothing there is no measure', () => {
  assert.equal(areaUnderCurve([], [1]), undefined)
  assert.equal(recallAt(0.05, [1], []), undefined)
  assert.equal(
    shareOf([], () => true),
    undefined,
  )
})
