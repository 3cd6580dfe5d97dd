import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fires, readCases } from './cases.ts'
import { detectors } from './index.ts'

const all = readCases()

for (const { name, detector, must_fire, must_not_fire } of all) {
  test(`${name} fires on each of its cases and on nothing else`, () => {
    assert.ok(detector, `no detector ${name}`)
    for (const text of must_fire) assert.ok(fires(detector, text), JSON.stringify(text))
    for (const text of must_not_fire) assert.ok(!fires(detector, text), JSON.stringify(text))
  })
}

test('every detector has its cases', () => {
  const names = new Set(all.map(({ name }) => name))
  for (const { name } of detectors(() => new Map())) assert.ok(names.has(name), name)
})
