import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Automaton } from './automaton.ts'

const word = fc.string({ unit: fc.constantFrom(...'abAB_'), minLength: 1, maxLength: 5 })

test('every word that is in a text is found, and no other, in whatever case', () => {
  fc.assert(
    fc.property(
      fc.array(word, { minLength: 1, maxLength: 12 }),
      fc.string({ unit: fc.constantFrom(...'abAB_ é'), maxLength: 60 }),
      (words, text) => {
        const expected = words.flatMap((w, i) => (text.toLowerCase().includes(w.toLowerCase()) ? [i] : []))
        assert.deepEqual(
          [...new Automaton(words).wordsIn(text)].sort((a, b) => a - b),
          expected,
        )
      },
    ),
  )
})
