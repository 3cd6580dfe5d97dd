import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Needles } from './needles.ts'

const unit = fc.constantFrom(...'abAB019-_ é')

test('a text has a needle exactly when it includes it, in any case where that does not count', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.string({ unit, minLength: 8, maxLength: 12 }), fc.boolean()), { maxLength: 6 }),
      fc.array(fc.oneof(fc.string({ unit, maxLength: 20 }), fc.nat(5)), { maxLength: 6 }),
      (needles, parts) => {
        const made = needles.map(([text, anyCase], i) => ({
          text: anyCase ? text.toLowerCase() : text,
          name: `${i}`,
          anyCase,
        }))
        const text = parts
          .map((part) => (typeof part === 'string' ? part : (made[part]?.text ?? '')))
          .join('')
        const isIn = made.some((needle) =>
          needle.anyCase ? text.toLowerCase().includes(needle.text) : text.includes(needle.text),
        )
        assert.equal(new Needles(made).firstIn(text) !== undefined, isIn)
      },
    ),
  )
})

test('needles that are too short are not looked for', () => {
  assert.equal(new Needles([{ text: 'short', name: 'a', anyCase: false }]).size, 0)
})
