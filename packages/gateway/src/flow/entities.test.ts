import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { entitiesIn } from './entities.ts'

const found = (text: string) => entitiesIn(text).flatMap(({ keys }) => keys)

test('an address is found wherever in a text it stands', () => {
  const around = fc.stringMatching(/^[a-z ,\n@.]{0,700}$/)
  fc.assert(
    fc.property(around, around, (before, after) => {
      assert.ok(found(`${before} write to ann@clinic.example, ${after}`).includes('email:ann@clinic.example'))
    }),
  )
})

test('a part of a longer address is none', () => {
  const local = 'a'.repeat(80)
  for (const text of [`${local}@clinic.example`, `é${'b'.repeat(3)}@clinic.example`, 'x@clinic.example.évil'])
    assert.deepEqual(
      found(text).filter((key) => key.startsWith('email:')),
      [],
      text,
    )
})
