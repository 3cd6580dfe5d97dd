import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkParamHeaders, paramHeaders } from './headers.ts'

const declared = paramHeaders({
  type: 'object',
  properties: {
    region: { type: 'string', 'x-mcp-header': 'Region' },
    count: { type: 'integer', 'x-mcp-header': 'Count' },
  },
})

const check = (args: Record<string, string | number>, headers: Record<string, string>) =>
  checkParamHeaders(headers, declared, args)?.code

test('an argument and the header that mirrors it must be the same', () => {
  assert.equal(check({ region: 'eu' }, { 'mcp-param-region': 'eu' }), undefined)
  assert.equal(check({ region: 'eu' }, { 'mcp-param-region': 'us' }), 'HEADER_MISMATCH')
  assert.equal(check({ region: 'eu' }, {}), 'HEADER_MISMATCH')
  assert.equal(check({}, { 'mcp-param-region': 'eu' }), 'HEADER_MISMATCH')
  assert.equal(check({ count: 2 }, { 'mcp-param-count': '2' }), undefined)
  assert.equal(check({ count: 0 }, { 'mcp-param-count': '' }), 'HEADER_MISMATCH')
})

test('a base64 value is decoded, a broken one refused, one with a single mark taken as it is (SEP-2243)', () => {
  assert.equal(check({ region: 'Hello' }, { 'mcp-param-region': '=?base64?SGVsbG8=?=' }), undefined)
  for (const broken of ['=?base64?SGVsbG8?=', '=?base64?SGVs!!!bG8=?=', '=?base64?=']) {
    assert.equal(check({ region: 'Hello' }, { 'mcp-param-region': broken }), 'HEADER_MISMATCH')
    assert.equal(check({ region: broken }, { 'mcp-param-region': broken }), 'HEADER_MISMATCH')
  }
  for (const plain of ['=?base64?SGVsbG8=', 'SGVsbG8=?=', 'SGVsbG8=']) {
    assert.equal(check({ region: plain }, { 'mcp-param-region': plain }), undefined)
    assert.equal(check({ region: 'Hello' }, { 'mcp-param-region': plain }), 'HEADER_MISMATCH')
  }
})
