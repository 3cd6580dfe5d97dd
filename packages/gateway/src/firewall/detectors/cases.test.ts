import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { detectors } from './index.ts'

const all = detectors(() => new Map())

for (const file of readdirSync(import.meta.dirname).filter((name) => name.endsWith('.cases.yaml'))) {
  const name = file.replace('.cases.yaml', '')
  const cases = parse(readFileSync(join(import.meta.dirname, file), 'utf8')) as {
    must_fire: string[]
    must_not_fire: string[]
  }

  test(`${name} fires on each of its cases and on nothing else`, () => {
    const detector = all.find((candidate) => candidate.name === name)
    assert.ok(detector, `no detector ${name} in index.ts`)
    const finds = (text: string) => (detector.suspects(text) ? detector.inspect(text) : undefined)
    for (const text of cases.must_fire) assert.ok(finds(text), JSON.stringify(text))
    for (const text of cases.must_not_fire) assert.equal(finds(text), undefined, JSON.stringify(text))
  })
}
