import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readDocument, readResult } from './result.ts'

test('a text in JSON or YAML is a document, and prose is not', () => {
  assert.deepEqual(readDocument('[{"id":1}]'), [{ id: 1 }])
  assert.deepEqual(readDocument('- id: 1\n  name: x'), [{ id: '1', name: 'x' }])
  assert.equal(readDocument('See you at noon.'), 'See you at noon.')
})

test('what stands beside structured content is read too', () => {
  const { document, rest } = readResult({
    structuredContent: { a: 1 },
    content: [{ type: 'text', text: 'b' }],
  })
  assert.deepEqual(document, { a: 1 })
  assert.deepEqual(rest, [{ path: 'content[0].text', value: 'b' }])
})

test('a text of empty lines holds nobody up', () => {
  // Took minutes when each empty line looked through all that follow.
  for (const line of ['\n', ' \n', '\t\n', '\r\n']) {
    const text = `x${line.repeat(Math.floor(260_000 / line.length))}z`
    assert.equal(readDocument(text), text)
  }
})
