import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LabelsSchema } from '../config/label-schema.ts'
import { contradictions } from './contradictions.ts'

const write = { effect: 'write', place: 'notes', arguments: { text: { sink: 'content' } } }
const read = { effect: 'read', place: 'notes', result: { integrity: 'trusted' } }

test('a place that agents write to and that is read as trusted is told of', () => {
  assert.deepEqual(contradictions(LabelsSchema.parse({ 'a/write': write, 'b/read': read })), [
    { place: 'notes', readers: ['b/read'], writers: ['a/write'] },
  ])
})

test('places that are only read, or untrusted, are not', () => {
  const others = {
    'a/write': write,
    'b/read': { ...read, place: 'other' },
    'c/read': { effect: 'read', place: 'notes' },
  }
  assert.deepEqual(contradictions(LabelsSchema.parse(others)), [])
})
