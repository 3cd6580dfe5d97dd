import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import { canonicalize } from '@ostiary/evidence'
import fc from 'fast-check'
import { bodiesFile } from '../frames.ts'
import { checkBodies } from './bodies.ts'

const entry = (body: Uint8Array | undefined, text: string): Uint8Array =>
  Buffer.from(
    canonicalize({
      data: { text },
      ...(body === undefined ? {} : { body: { sha256: hash('sha256', body, 'base64url'), keys: ['key_1'] } }),
    }),
  )

test('sealed bodies fit their entries exactly when every byte is theirs', () => {
  const body = fc.option(fc.uint8Array({ minLength: 1, maxLength: 50 }), { nil: undefined })
  fc.assert(
    fc.property(fc.array(fc.tuple(body, fc.string()), { minLength: 1 }), fc.nat(), (made, at) => {
      const entries = made.map(([each, text]) => entry(each, text))
      const file = bodiesFile(made.map(([each]) => each))
      assert.deepEqual(checkBodies(entries, file), { wrong: undefined, absent: 0 })
      const named = made.filter(([each]) => each !== undefined).length
      assert.deepEqual(checkBodies(entries, undefined), { wrong: undefined, absent: named })
      file[at % file.length] = (file[at % file.length] as number) ^ 1
      const { wrong, absent } = checkBodies(entries, file)
      assert.ok(wrong !== undefined || absent > 0, 'a changed byte is seen')
    }),
  )
})

test('a text that looks like a body in an entry is none', () => {
  const entries = [entry(undefined, '"body":{"sha256":"x"}')]
  assert.deepEqual(checkBodies(entries, bodiesFile([undefined])), { wrong: undefined, absent: 0 })
})
