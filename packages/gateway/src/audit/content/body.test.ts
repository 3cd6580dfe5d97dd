import assert from 'node:assert/strict'
import { createSecretKey, hash, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import type { JsonObject } from '../../model/json.ts'
import { BodyBroken, openBody, sealBody } from './body.ts'

const key = (id: string) => ({ id, key: createSecretKey(randomBytes(32)) })

test('content comes back as it was, under one key or several', () => {
  const [a, b, c] = [key('a'), key('b'), key('c')]
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.constantFrom([a], [a, b], [c, b, a]),
      (content, keys) => {
        const plain = JSON.parse(JSON.stringify(content)) as JsonObject
        const { bytes, reference } = sealBody(plain, keys)
        assert.deepEqual(openBody(bytes, reference, keys), plain)
        assert.deepEqual(
          reference.keys,
          keys.map(({ id }) => id),
        )
      },
    ),
    { numRuns: 100 },
  )
})

test('what concerns two subjects is gone when the key of either is', () => {
  const [a, b] = [key('a'), key('b')]
  const { bytes, reference } = sealBody({ note: 'twins' }, [a, b])
  for (const some of [[a], [b], [b, a], [a, key('b')]]) {
    assert.throws(() => openBody(bytes, reference, some), BodyBroken)
  }
})

test('a sealed body altered at any byte, moved to another entry or cut short is never opened', () => {
  const a = key('a')
  const { bytes, reference } = sealBody({ note: 'x' }, [a])
  const other = sealBody({ note: 'x' }, [a])
  for (let at = 0; at < bytes.length; at++) {
    const altered = Buffer.from(bytes)
    altered[at] = (altered[at] as number) ^ 1
    assert.throws(() => openBody(altered, reference, [a]), BodyBroken)
    // Also when whoever altered it could write the entry anew.
    const sha256 = sealDigest(altered)
    assert.throws(() => openBody(altered, { ...reference, sha256 }, [a]), BodyBroken)
    assert.throws(
      () => openBody(bytes.subarray(0, at), { ...reference, sha256: sealDigest(bytes.subarray(0, at)) }, [a]),
      BodyBroken,
    )
  }
  assert.throws(() => openBody(other.bytes, reference, [a]), BodyBroken)
  assert.notEqual(
    other.reference.commitment,
    reference.commitment,
    'the same content cannot be recognised by its commitment',
  )
})

const sealDigest = (bytes: Uint8Array): string => hash('sha256', bytes, 'base64url')
