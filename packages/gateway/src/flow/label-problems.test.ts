import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LabelsSchema } from '../config/label-schema.ts'
import { labelProblems } from './label-problems.ts'

const tools = [{ name: 'send', inputSchema: { type: 'object', properties: { to: {}, parts: {} } } }]

test('a label for a tool or an argument that is not there is told of', () => {
  const labels = LabelsSchema.parse({
    'mail/send': {
      effect: 'egress',
      arguments: {
        'to[*]': { sink: 'principal' },
        'parts[*].name': { sink: 'value' },
        recipient: { sink: 'principal' },
      },
    },
    'mail/sned': { effect: 'egress' },
    'mail#prompts/get': { effect: 'read' },
    'other/x': { effect: 'read' },
  })
  assert.deepEqual(labelProblems('mail', labels, tools), [
    'mail/send: it has no argument recipient',
    'mail/sned: the server offers no such tool',
  ])
})
