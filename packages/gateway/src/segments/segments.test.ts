import assert from 'node:assert/strict'
import { test } from 'node:test'
import { placement } from './segments.ts'

const places = placement({
  segments: {
    ward: { agents: ['nurse'], servers: ['charts'] },
    office: { agents: ['*'], servers: ['mail'] },
    vault: { agents: [], servers: ['*'] },
  },
  routes: [
    { from: 'ward', to: 'ward' },
    { from: 'office', to: 'office' },
  ],
})

test('only a route that is written leads anywhere', () => {
  assert.equal(places.route('nurse', 'charts'), undefined)
  assert.equal(places.route('clerk', 'mail'), undefined)
  assert.equal(places.route('clerk', 'charts')?.code, 'SEGMENT_NO_ROUTE')
  assert.equal(places.route('nurse', 'mail')?.code, 'SEGMENT_NO_ROUTE')
  assert.equal(places.route('nurse', 'unknown')?.code, 'SEGMENT_NO_ROUTE')
})

test('an exact name wins over the star', () => {
  assert.equal(places.segmentOfAgent('nurse'), 'ward')
  assert.equal(places.segmentOfAgent('anyone'), 'office')
  assert.equal(places.segmentOfServer('charts'), 'ward')
  assert.equal(places.segmentOfServer('anything'), 'vault')
})

test('what is in no segment reaches nothing, and nothing reaches it', () => {
  const bare = placement({
    segments: { a: { agents: ['x'], servers: [] } },
    routes: [{ from: 'a', to: 'a' }],
  })
  assert.equal(bare.route('x', 'server')?.code, 'SEGMENT_UNPLACED')
  assert.equal(bare.route('y', 'server')?.code, 'SEGMENT_UNPLACED')
  assert.equal(placement({ segments: {}, routes: [] }).route('x', 'y')?.code, 'SEGMENT_UNPLACED')
})
