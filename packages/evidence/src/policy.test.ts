import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parsePolicy } from './policy.ts'
import { TestSigner } from './testing.ts'
import type { VerifierKey } from './vkey.ts'
import { formatVkey, parseVkey } from './vkey.ts'

const log = new TestSigner('log.example.org').vkey
const wits = Array.from({ length: 6 }, (_, i) => new TestSigner(`w${i}.example.org`, 'cosignature/v1').vkey)
const witnesses = wits.map((vkey, i) => `witness ${'XXXYYY'[i]}${(i % 3) + 1} ${vkey}`).join('\n')

/** The example of C2SP tlog-policy. */
const EXAMPLE = `log ${log}

${witnesses}
group X-witnesses 2 X1 X2 X3
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
`

function read(text: string) {
  const result = parsePolicy(text)
  assert.ok('policy' in result, JSON.stringify(result))
  return result.policy
}

const problemOf = (text: string) => {
  const result = parsePolicy(text)
  return 'problem' in result ? `${result.line}: ${result.problem}` : undefined
}

test('the example of the specification asks for two of one organisation and one of the other', () => {
  const policy = read(EXAMPLE)
  assert.equal(policy.logs.length, 1)
  assert.equal(policy.witnesses.length, 6)
  const names = ['X1', 'X2', 'X3', 'Y1', 'Y2', 'Y3']
  for (let bits = 0; bits < 64; bits++) {
    const some = names.filter((_, i) => bits & (1 << i))
    const count = (letter: string) => some.filter((name) => name.startsWith(letter)).length
    assert.equal(policy.isQuorum(new Set(some)), count('X') >= 2 && count('Y') >= 1, some.join(' '))
  }
})

test('a quorum is never met by fewer witnesses than before: more cosignatures never hurt', () => {
  const policy = read(EXAMPLE)
  const subset = fc.subarray(['X1', 'X2', 'X3', 'Y1', 'Y2', 'Y3', 'unknown', 'X-witnesses'])
  fc.assert(
    fc.property(subset, subset, (a, b) => {
      if (policy.isQuorum(new Set(a))) assert.ok(policy.isQuorum(new Set([...a, ...b])))
    }),
  )
})

test('white space, comments and addresses are read as the specification says', () => {
  const policy = read(`\t# comment\n  log\t${log}   https://log.example.org/ \nquorum none`)
  assert.equal(policy.logs[0]?.url, 'https://log.example.org/')
  assert.equal(policy.isQuorum(new Set()), true)
  assert.equal(read(`witness none-at-all ${wits[0]}\nquorum none-at-all`).isQuorum(new Set()), false)
})

test('each thing a policy must not have is named with its line', () => {
  const [w1 = '', w2 = ''] = wits
  const again = formatVkey('renamed.example.org', new TestSigner('x').parsed.key, 'cosignature/v1')
  const renamed = (vkey: string) =>
    formatVkey('renamed.example.org', (parseVkey(vkey) as VerifierKey).key, 'cosignature/v1')
  const cases: readonly (readonly [string, RegExp])[] = [
    ['', /^1: there is no `quorum` line/],
    [`witness a ${w1}\n`, /there is no `quorum` line/],
    ['quorum none\nquorum none', /^2: there is a `quorum` line already/],
    ['quorum a', /no line above defines `a`/],
    [`quorum a\nwitness a ${w1}`, /^1: no line above/],
    [`log ${w1}\nquorum none`, /type cosignature\/v1 is not for a log/],
    [`witness a ${log}\nquorum a`, /type ed25519 is not for a witness/],
    [`log ${log}\nlog ${log}\nquorum none`, /^2: this log is listed already/],
    [`witness a ${w1}\nwitness b ${w1}\nquorum a`, /^2: a witness with this key/],
    [`witness a ${w1}\nwitness b ${renamed(w1)}\nquorum a`, /^2: a witness with this key/],
    [`witness a ${w1}\nwitness a ${w2}\nquorum a`, /there is a `a` already/],
    [`witness none ${w1}\nquorum none`, /`none` is not a name/],
    [`witness a ${w1}\ngroup g all a none\nquorum g`, /no line above defines `none`/],
    [`witness a ${w1}\ngroup g all g\nquorum g`, /no line above defines `g`/],
    [`witness a ${w1}\ngroup g 2 a\nquorum g`, /cannot have 2 of 1/],
    [`witness a ${w1}\ngroup g 0 a\nquorum g`, /threshold/],
    [`witness a ${w1}\ngroup g 01 a\nquorum g`, /threshold/],
    [`witness a ${w1}\ngroup g all\nquorum g`, /write `group/],
    [`witness a ${w1}\ngroup g all a a\nquorum g`, /`a` is in a group already/],
    [`witness a ${w1}\ngroup g all a\ngroup h all a\nquorum g`, /`a` is in a group already/],
    [`witness a ${w1.slice(0, -4)}\nquorum a`, /malformed/],
    [`witness a ${again} x y\nquorum a`, /write `witness/],
    ['quorum none\nquorums none', /a line begins with/],
    ['quorum none\r\n', /control character/],
    [`# ${'x'.repeat(1_100_000)}\nquorum none`, /at most/],
  ]
  for (const [text, problem] of cases) assert.match(problemOf(text) ?? 'read', problem, text.slice(0, 200))
})

test('a Kelvin sign is not a K: names are compared as they are written', () => {
  assert.match(problemOf(`witness \u212a ${wits[0]}\nquorum K`) ?? '', /no line above defines `K`/)
})

test('no text makes the parser throw', () => {
  const word = fc.constantFrom(
    'log',
    'witness',
    'group',
    'quorum',
    'none',
    'all',
    'any',
    '2',
    'a',
    'b',
    log,
    ...wits,
  )
  const line = fc.array(fc.oneof(word, fc.string({ maxLength: 8 })), { maxLength: 6 })
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
      parsePolicy(lines.map((words) => words.join(' ')).join('\n'))
    }),
  )
})
