import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from './clock.ts'
import { parseDuration } from './duration.ts'
import { newId } from './id.ts'

test('a clock that is set back does not make what has expired fresh again', () => {
  let wall = 1_000_000
  let monotonic = 0
  const clock = systemClock(
    () => wall,
    () => monotonic,
  )
  assert.equal(clock.now(), 1_000_000)
  wall -= 3_600_000
  monotonic += 500
  assert.equal(clock.now(), 1_000_500)
  wall = 2_000_000
  monotonic += 1
  assert.equal(clock.now(), 2_000_000, 'a laptop that slept goes on at the time it is')
})

test('durations are whole numbers with a unit and nothing else', () => {
  assert.deepEqual(
    ['90s', '15m', '8h', '2d', '250ms', '0s'].map(parseDuration),
    [90_000, 900_000, 28_800_000, 172_800_000, 250, 0],
  )
  for (const text of ['', '5', 's', '1.5h', '-1s', '1 s', '1S', '1s ', '9999999999s']) {
    assert.equal(parseDuration(text), undefined, text)
  }
})

test('identifiers sort by time and do not repeat', () => {
  assert.match(newId('tsk'), /^tsk_[0-9a-hjkmnp-tv-z]{26}$/)
  assert.ok(newId('tsk', 1000) < newId('tsk', 1001))
  assert.equal(new Set(Array.from({ length: 1000 }, () => newId('cal', 5))).size, 1000)
})
