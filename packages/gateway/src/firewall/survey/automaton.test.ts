import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Automaton } from './automaton.ts'
import { classOf, WIDTH } from './classes.ts'

const word = fc
  .string({ unit: fc.constantFrom(...'abAB_ '), minLength: 1, maxLength: 5 })
  .filter((w) => !/ {2}/.test(w))

function groupsIn(groups: readonly (readonly string[])[], text: string): number[] {
  const automaton = new Automaton(groups)
  const found = new Set<number>()
  let state = 0
  for (const char of text) {
    state = automaton.next[state * WIDTH + classOf(char)] as number
    if (state >= automaton.firstEnd) for (const group of automaton.groupsAt(state)) found.add(group)
  }
  return [...found].sort((a, b) => a - b)
}

test('every group with a word in a text is found, and no other, in whatever case and with however many blanks', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(word, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 8 }),
      fc.string({ unit: fc.constantFrom(...'abAB_ \t\n'), maxLength: 60 }),
      (groups, text) => {
        const plain = text.toLowerCase().replace(/[ \t]+/g, ' ')
        const expected = groups.flatMap((words, i) =>
          words.some((w) => plain.includes(w.toLowerCase())) ? [i] : [],
        )
        assert.deepEqual(groupsIn(groups, text), expected)
      },
    ),
  )
})
