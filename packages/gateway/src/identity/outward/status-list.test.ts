import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inflateSync } from 'node:zlib'
import { encodeBits } from './status-list.ts'

// draft-ietf-oauth-status-list-20 section 4.1, the example with one bit an entry.
const EXAMPLE = [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]

test('the bytes and the compressed form are those of the draft’s example', () => {
  const set = EXAMPLE.flatMap((bit, idx) => (bit ? [idx] : []))
  const list = encodeBits(16, set)
  assert.deepEqual(inflateSync(Buffer.from(list, 'base64url')), Buffer.from([0xb9, 0xa3]))
  assert.equal(list, 'eNrbuRgAAhcBXQ')
})

test('an entry says nothing about its neighbours, and an empty list is short', () => {
  for (const idx of [0, 1, 7, 8, 131_071]) {
    const bytes = inflateSync(Buffer.from(encodeBits(131_072, [idx]), 'base64url'))
    assert.equal(bytes.length, 16_384)
    const set = [...bytes].flatMap((byte, at) =>
      [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => byte & (1 << bit)).map((bit) => at * 8 + bit),
    )
    assert.deepEqual(set, [idx])
  }
  assert.ok(encodeBits(131_072, []).length < 100)
})
