import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatTraceparent, parseBaggage, parseTraceparent, parseTracestate } from './w3c.ts'

const TRACE = '12345678901234567890123456789012'
const SPAN = '1234567890123456'
const keys = (text: string) => parseTracestate(text)?.map(({ key }) => key)

// The cases of the W3C suite (w3c/trace-context, test/test.py), by its names.
test('traceparent: what the W3C suite calls valid is read', () => {
  const known = { traceId: TRACE, spanId: SPAN, isSampled: true, isRandom: false }
  assert.deepEqual(parseTraceparent(`00-${TRACE}-${SPAN}-01`), known)
  assert.deepEqual(parseTraceparent(`00-${TRACE}-${SPAN}-00`), { ...known, isSampled: false })
  // Level 2: whether the id is random; bits that are not known are left aside.
  assert.deepEqual(parseTraceparent(`00-${TRACE}-${SPAN}-03`), { ...known, isRandom: true })
  assert.deepEqual(parseTraceparent(`00-${TRACE}-${SPAN}-fd`), known)
  // version_0xcc
  assert.deepEqual(parseTraceparent(`cc-${TRACE}-${SPAN}-01`), known)
  assert.deepEqual(parseTraceparent(`cc-${TRACE}-${SPAN}-01-what-the-future-will-be-like`), known)
  // ows_handling
  for (const [before, after] of [
    [' ', ''],
    ['\t', ''],
    ['', ' '],
    ['', '\t'],
    ['\t ', ' \t'],
  ]) {
    assert.deepEqual(parseTraceparent(`${before}00-${TRACE}-${SPAN}-01${after}`), known)
  }
})

test('traceparent: what the W3C suite calls invalid is as if it had not been sent', () => {
  for (const bad of [
    // duplicated: both in one value, as HTTP joins them
    `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`,
    // version_0x00, version_0xcc, version_0xff
    `00-${TRACE}-${SPAN}-01.`,
    `00-${TRACE}-${SPAN}-01-what-the-future-will-be-like`,
    `cc-${TRACE}-${SPAN}-01.what-the-future-will-be-like`,
    `ff-${TRACE}-${SPAN}-01`,
    // version_illegal_characters, _too_long, _too_short
    `.0-${TRACE}-${SPAN}-01`,
    `0.-${TRACE}-${SPAN}-01`,
    `000-${TRACE}-${SPAN}-01`,
    `0000-${TRACE}-${SPAN}-01`,
    `0-${TRACE}-${SPAN}-01`,
    // trace_id
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-.2345678901234567890123456789012-${SPAN}-01`,
    `00-1234567890123456789012345678901.-${SPAN}-01`,
    `00-${TRACE}3-${SPAN}-01`,
    `00-${TRACE.slice(1)}-${SPAN}-01`,
    // parent_id
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE}-.234567890123456-01`,
    `00-${TRACE}-123456789012345.-01`,
    `00-${TRACE}-${SPAN}7-01`,
    `00-${TRACE}-${SPAN.slice(1)}-01`,
    // trace_flags
    `00-${TRACE}-${SPAN}-.0`,
    `00-${TRACE}-${SPAN}-0.`,
    `00-${TRACE}-${SPAN}-001`,
    `00-${TRACE}-${SPAN}-1`,
    // not in the suite
    `00-${TRACE.replace('1', 'A')}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01\n`,
    `cc-${TRACE}-${SPAN}-01-${'x'.repeat(1000)}`,
    '',
    undefined,
    null,
    7,
    [`00-${TRACE}-${SPAN}-01`],
  ]) {
    assert.equal(parseTraceparent(bad), undefined, String(bad))
  }
})

test('tracestate: members keep their order, and one that is malformed discards all', () => {
  assert.deepEqual(keys('foo=1 \t , \t bar=2, \t baz=3'), ['foo', 'bar', 'baz'])
  assert.deepEqual(keys(' foo=1'), ['foo'])
  assert.deepEqual(keys(''), [])
  // empty_header: one of several
  assert.deepEqual(keys('foo=1,,'), ['foo'])
  const key = `${'abcdefghijklmnopqrstuvwxyz0123456789_-*/'}`
  const value = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i))
    .filter((char) => char !== ',' && char !== '=')
    .join('')
  assert.deepEqual(keys(`${key}=${value}`), [key])
  assert.deepEqual(keys(`${key}@a-z0-9_-*/=${value}`), [`${key}@a-z0-9_-*/`])
  const many = (count: number) => Array.from({ length: count }, (_, i) => `bar${i}=1`).join(',')
  assert.equal(keys(many(32))?.length, 32)
  for (const bad of [
    many(33),
    'foo=1,foo=1',
    'foo=1,foo=2',
    'foo =1',
    'FOO=1',
    'foo.bar=1',
    'foo@=1,bar=2',
    '@foo=1,bar=2',
    'foo@@bar=1,bar=2',
    'foo@bar@baz=1,bar=2',
    `${'z'.repeat(257)}=1`,
    `${'t'.repeat(242)}@v=1`,
    `t@${'v'.repeat(15)}=1`,
    'foo=bar=baz',
    'foo=,bar=3',
    'foo',
    'foo=\u00e9',
  ]) {
    assert.equal(keys(bad), undefined, bad)
  }
  assert.deepEqual(keys(`${'z'.repeat(256)}=1`), ['z'.repeat(256)])
  assert.deepEqual(keys(`${'t'.repeat(241)}@${'v'.repeat(14)}=1`), [`${'t'.repeat(241)}@${'v'.repeat(14)}`])
})

test('baggage: members are told apart with their properties; what is malformed discards all', () => {
  assert.deepEqual(parseBaggage('tenant=a%20b;p=1;q , x = y'), [
    { key: 'tenant', text: 'tenant=a%20b;p=1;q' },
    { key: 'x', text: 'x = y' },
  ])
  for (const bad of ['a=b c', 'a', '=b', 'a=b;=c', 'a="b"', 'a=1,a=2', 'a=\u00e9', `a=${'b'.repeat(8200)}`])
    assert.equal(parseBaggage(bad), undefined, bad)
})

test('nothing that a stranger can send makes a reader fail, or says anything but what was read', () => {
  const alphabet = fc.constantFrom(...'0123456789abcfF-=,;@. \t\u00e9"')
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: alphabet, maxLength: 80 })), (text) => {
      const parent = parseTraceparent(text)
      if (parent) assert.deepEqual(parseTraceparent(formatTraceparent(parent)), parent)
      for (const { text: member } of [...(parseTracestate(text) ?? []), ...(parseBaggage(text) ?? [])])
        assert.ok(text.includes(member) && !member.includes(','))
    }),
  )
})

test('long lists of blanks and marks are read in time with their length', () => {
  const began = performance.now()
  for (const part of [' ', '\t,', '=', 'a=;', 'a;'])
    for (const read of [parseTraceparent, parseTracestate, parseBaggage]) read(part.repeat(4096))
  assert.ok(performance.now() - began < 500)
})

test('attack: a baggage of blanks that could be read in many ways is read in one', () => {
  const blanks = ' '.repeat(40)
  assert.deepEqual(parseBaggage(`a=${blanks}b${blanks};${blanks}c${blanks}=${blanks};d${blanks}`)?.length, 1)
  const began = performance.now()
  for (const part of [`;a=${blanks}`, `;${blanks}a`, `;a${blanks}=${blanks}`])
    assert.equal(parseBaggage(`a=${part.repeat(5)}"`), undefined)
  assert.ok(performance.now() - began < 200)
})
