import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aboutOf, callContent } from './kept-content.ts'

const about = (subject: string | undefined, args: Parameters<typeof aboutOf>[1]['args']) =>
  aboutOf({ subject }, { args }, { subjectArguments: ['patient'] }).about

test('each of several subjects in one argument is a subject, so that each can be erased', () => {
  assert.deepEqual(about(undefined, { patient: ['ada', ['bob', 7, null]], other: 'x' }), ['ada', 'bob', '7'])
  assert.deepEqual(about('ada', { patient: { id: 'bob' } }), ['ada', '{"id":"bob"}'])
  assert.equal(about(undefined, { patient: ['', '  '] }), undefined)
  assert.equal(about(undefined, { other: 'ada' }), undefined)
})

test('a subject that is written in another form is the same one', () => {
  assert.deepEqual(about('Zo\u00eb', { patient: ' Zoe\u0308\n' }), ['Zo\u00eb'])
})

test('an argument with a giant name is left out like one with a giant value', () => {
  const args = { ['\u0001'.repeat(20_000)]: 1, text: 'kept' }
  const content = callContent({ kind: 'tool', name: 'x', args }, true)
  assert.deepEqual(content, { arguments: { text: 'kept', 'ostiary:omitted_bytes': 120_005 } })
})
