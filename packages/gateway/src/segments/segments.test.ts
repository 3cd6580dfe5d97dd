import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Config } from '../config/schema.ts'
import { placement } from './segments.ts'

const MODEL: Config['models'][string] = {
  apis: ['openai-chat'],
  url: 'https://models.example',
  headers: {},
  models: ['*'],
  provider_tools: 'refuse',
  timeout: '300s',
}

const places = placement({
  segments: {
    ward: { agents: ['nurse'], servers: ['charts'], models: ['local'] },
    office: { agents: ['*'], servers: ['mail'], models: [] },
    vault: { agents: [], servers: ['*'], models: [] },
    outside: { agents: [], servers: [], models: ['*'] },
  },
  models: { local: MODEL, remote: MODEL },
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
    segments: { a: { agents: ['x'], servers: [], models: [] } },
    routes: [{ from: 'a', to: 'a' }],
    models: {},
  })
  assert.equal(bare.route('x', 'server')?.code, 'SEGMENT_UNPLACED')
  assert.equal(bare.route('y', 'server')?.code, 'SEGMENT_UNPLACED')
  assert.equal(placement({ segments: {}, routes: [], models: {} }).route('x', 'y')?.code, 'SEGMENT_UNPLACED')
})

test('a provider of models stands where models are placed, and nowhere that servers are', () => {
  assert.equal(places.segmentOfServer('local'), 'ward')
  assert.equal(places.segmentOfServer('remote'), 'outside')
  assert.equal(places.route('nurse', 'local'), undefined)
  assert.equal(places.route('nurse', 'remote')?.code, 'SEGMENT_NO_ROUTE')
})
