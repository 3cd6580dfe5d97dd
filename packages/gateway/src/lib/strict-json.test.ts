import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Refusal } from '../model/refusal.ts'
import { MAX_DEPTH, parseReceived, parseStrict, parseStrictText } from './strict-json.ts'

const codeOf = (work: () => unknown): string => {
  try {
    work()
  } catch (error) {
    if (error instanceof Refusal) return error.reason.code
    throw error
  }
  return 'ok'
}

test('what readers could understand differently is refused', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['{"a":1,"a":2}', 'JSON_DUPLICATE_KEY'],
    ['{"a":1,"\\u0061":2}', 'JSON_DUPLICATE_KEY'],
    ['{"x":{"method":"a","method":"b"}}', 'JSON_DUPLICATE_KEY'],
    ['{"__proto__":{"admin":true}}', 'JSON_FORBIDDEN_KEY'],
    ['{"a":[{"__proto__":1}]}', 'JSON_FORBIDDEN_KEY'],
    ['{"\\u005f_proto__":1}', 'JSON_FORBIDDEN_KEY'],
    ['9007199254740993', 'JSON_UNSAFE_NUMBER'],
    ['[1e400]', 'JSON_UNSAFE_NUMBER'],
    ['{"a":1} {"b":2}', 'JSON_INVALID'],
    ["{'a':1}", 'JSON_INVALID'],
    ['{"a":1,}', 'JSON_INVALID'],
    ['\ufeff{}', 'JSON_INVALID'],
    ['', 'JSON_INVALID'],
    [`${'['.repeat(MAX_DEPTH + 1)}${']'.repeat(MAX_DEPTH + 1)}`, 'JSON_TOO_DEEP'],
  ]
  for (const [text, code] of cases)
    assert.equal(
      codeOf(() => parseStrictText(text)),
      code,
      text,
    )
})

test('a text nested a million levels deep is refused, not a crash', () => {
  const text = `${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}`
  assert.match(
    codeOf(() => parseStrictText(text)),
    /^JSON_(TOO_DEEP|INVALID)$/,
  )
})

test('invalid UTF-8 is refused before it is decoded', () => {
  for (const bytes of [
    [0x22, 0xff, 0x22],
    [0x22, 0xc0, 0xaf, 0x22],
    [0x22, 0xed, 0xa0, 0x80, 0x22],
  ]) {
    assert.equal(
      codeOf(() => parseStrict(Uint8Array.from(bytes))),
      'JSON_NOT_UTF8',
    )
  }
})

test('colons and quotes inside strings are no members', () => {
  assert.deepEqual(parseStrictText('{"a:b":"c\\":\\"d","e\\\\":":"}'), { 'a:b': 'c":"d', 'e\\': ':' })
})

test('numbers of servers pass as they are, duplicate keys do not', () => {
  assert.equal(
    codeOf(() => parseReceived('{"n":9007199254740993}')),
    'ok',
  )
  assert.equal(
    codeOf(() => parseReceived('{"n":1,"n":2}')),
    'JSON_DUPLICATE_KEY',
  )
})

test('every JSON value comes back as it was, and doubling any key is noticed', () => {
  const json = fc.jsonValue({ maxDepth: 5 }).filter((value) => !JSON.stringify(value).includes('__proto__'))
  const isExact = (value: unknown): boolean =>
    typeof value === 'number'
      ? !Number.isInteger(value) || Number.isSafeInteger(value)
      : typeof value !== 'object' || value === null || Object.values(value).every(isExact)
  fc.assert(
    fc.property(json.filter(isExact), (value) => {
      const text = JSON.stringify(value)
      assert.deepEqual(parseStrictText(text), JSON.parse(text))
      assert.equal(
        codeOf(() => parseStrictText(`{"k":1,"v":${text},"k":1}`)),
        'JSON_DUPLICATE_KEY',
      )
    }),
  )
})

test('random bytes give a value or a reason, never another error', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void codeOf(() => parseStrict(bytes))))
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(...'{}[]":,\\ue01 ') }),
      (text) => void codeOf(() => parseStrictText(text)),
    ),
  )
})
