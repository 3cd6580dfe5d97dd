import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { Secret } from '../lib/secret.ts'
import { SealBroken, seal, unseal } from './seal.ts'

const kek = randomBytes(32)

test('what was sealed comes back whole', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.nat(), (value, version) => {
      assert.equal(unseal(kek, 'name', version, seal(kek, 'name', version, value)).reveal(), value)
    }),
  )
})

test('a sealed secret cannot be altered, moved to another name or version, or opened with another key', () => {
  const sealed = seal(kek, 'files', 1, 'sk-secret')
  const raw = Buffer.from(sealed, 'base64')
  for (let i = 0; i < raw.length; i++) {
    const altered = Buffer.from(raw)
    altered[i] = (altered[i] as number) ^ 1
    assert.throws(() => unseal(kek, 'files', 1, altered.toString('base64')), SealBroken, `byte ${i}`)
  }
  for (const cut of [0, 1, 59, 60, raw.length - 1]) {
    assert.throws(() => unseal(kek, 'files', 1, raw.subarray(0, cut).toString('base64')), SealBroken)
  }
  assert.throws(() => unseal(kek, 'other', 1, sealed), SealBroken)
  assert.throws(() => unseal(kek, 'files', 2, sealed), SealBroken)
  assert.throws(() => unseal(randomBytes(32), 'files', 1, sealed), SealBroken)
})

test('the same secret is never sealed alike twice', () => {
  assert.notEqual(seal(kek, 'a', 1, 'x'), seal(kek, 'a', 1, 'x'))
})

test('a secret does not show by accident', () => {
  const secret = new Secret('sk-hidden')
  const shown = [
    String(secret),
    `${secret}`,
    JSON.stringify({ secret }),
    inspect({ secret }, { showHidden: true }),
  ]
  for (const text of shown) assert.ok(!text.includes('sk-hidden'), text)
  assert.ok(!new Error(`failed with ${secret}`).message.includes('sk-hidden'))
})
