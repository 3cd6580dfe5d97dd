import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { sealer } from './sealed-token.ts'

const own = sealer(randomBytes(32))

test('what was sealed comes back, for the same purpose only', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (purpose, state) => {
      const token = own.seal(purpose, state)
      assert.equal(own.open(purpose, token), Buffer.from(state).toString('utf8'))
      assert.equal(own.open(`${purpose}x`, token), undefined)
    }),
  )
})

test('an altered token, or one of another gateway, is not opened', () => {
  const token = own.seal('session', 'state')
  const raw = Buffer.from(token, 'base64url')
  for (let i = 0; i < raw.length; i++) {
    const altered = Buffer.from(raw)
    altered[i] = (altered[i] as number) ^ 1
    assert.equal(own.open('session', altered.toString('base64url')), undefined, `byte ${i}`)
  }
  for (let length = 0; length < raw.length; length++) {
    assert.equal(own.open('session', raw.subarray(0, length).toString('base64url')), undefined)
  }
  assert.equal(sealer(randomBytes(32)).open('session', token), undefined)
  assert.equal(own.open('session', 'x'.repeat(100_000)), undefined)
})
