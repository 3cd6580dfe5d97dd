import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalize, NotCanonical } from './canonical-json.ts'

test('the examples of RFC 8785', () => {
  const value = JSON.parse(
    '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],' +
      '"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}',
  )
  assert.equal(
    canonicalize(value),
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
      '"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  )
  const sorted = canonicalize({
    '\u20ac': 'Euro Sign',
    '\r': 'Carriage Return',
    '\ufb33': 'Hebrew Letter Dalet With Dagesh',
    '1': 'One',
    '\ud83d\ude00': 'Emoji: Grinning Face',
    '\u0080': 'Control',
    '\u00f6': 'Latin Small Letter O With Diaeresis',
  })
  assert.deepEqual(Object.values(JSON.parse(sorted)).length, 7)
  assert.deepEqual(
    [...sorted.matchAll(/:"([^"]+?)"/g)].map((match) => match[1]),
    [
      'Carriage Return',
      'One',
      'Control',
      'Latin Small Letter O With Diaeresis',
      'Euro Sign',
      'Emoji: Grinning Face',
      'Hebrew Letter Dalet With Dagesh',
    ],
  )
})

test('the number forms of RFC 8785 appendix B', () => {
  const forms: [string, string][] = [
    ['0000000000000000', '0'],
    ['8000000000000000', '0'],
    ['0000000000000001', '5e-324'],
    ['7fefffffffffffff', '1.7976931348623157e+308'],
    ['4340000000000000', '9007199254740992'],
    ['4430000000000000', '295147905179352830000'],
    ['44b52d02c7e14af5', '9.999999999999997e+22'],
    ['44b52d02c7e14af6', '1e+23'],
    ['444b1ae4d6e2ef50', '1e+21'],
    ['3eb0c6f7a0b5ed8d', '0.000001'],
    ['41b3de4355555557', '333333333.33333343'],
    ['becbf647612f3696', '-0.0000033333333333333333'],
  ]
  for (const [bits, text] of forms) assert.equal(canonicalize(Buffer.from(bits, 'hex').readDoubleBE()), text)
})

test('what JSON does not have is refused, wherever it stands', () => {
  const bad = [
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '\ud800',
    'a\udc00b',
    1n,
    Symbol('s'),
    () => 1,
    undefined,
    new Date(0),
    new Map(),
    new Uint8Array(2),
    new Array(1),
  ]
  for (const value of bad) {
    for (const held of [value, [value], [[1], value]]) assert.throws(() => canonicalize(held), NotCanonical)
    if (value !== undefined) assert.throws(() => canonicalize({ a: { b: value } }), NotCanonical)
  }
  assert.throws(() => canonicalize({ '\ud800': 1 }), NotCanonical)
  assert.equal(canonicalize({ absent: undefined, b: 1 }), '{"b":1}')
  assert.equal(canonicalize(JSON.parse('{"__proto__":{"x":1},"a":2}')), '{"__proto__":{"x":1},"a":2}')
})

const shuffled = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(shuffled)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, shuffled(member)]),
  )
}
const json = fc.jsonValue({ stringUnit: 'grapheme', noUnicodeString: false } as object)

test('the text is the same however members are ordered, says the same, and is a fixed point', () => {
  fc.assert(
    fc.property(json, (value) => {
      const text = canonicalize(value)
      assert.equal(canonicalize(shuffled(value)), text)
      assert.equal(canonicalize(JSON.parse(text)), text)
      assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)))
    }),
  )
})
