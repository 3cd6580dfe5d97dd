import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Action } from '../model/action.ts'
import type { Constraint, Grant, GrantDetail } from '../model/grant.ts'
import { isSubset } from './attenuate.ts'
import { compileGrant } from './compile.ts'
import { malformed, narrower, violated } from './constraints.ts'

const scalar = fc.constantFrom<string | number | boolean>(
  0,
  1,
  5,
  10,
  true,
  'a',
  '/data',
  '/data/',
  '/data/x',
  '/data/x/y',
  '/database',
  '10.0.0.1',
  '10.1.2.3',
  '192.168.0.1',
  '',
  'a/../b',
)
const value = fc.oneof(
  scalar,
  fc.constantFrom(
    null,
    undefined,
    3.5,
    -1,
    '/data/../etc',
    '/data/%2e%2e/etc',
    '10.0.0.300',
    '::ffff:10.0.0.1',
    '/data/x\0',
  ),
)

const constraint: fc.Arbitrary<Constraint> = fc
  .oneof(
    fc.record({ eq: scalar }),
    fc.record({ one_of: fc.array(scalar, { minLength: 1, maxLength: 4 }) }),
    fc.record({ min: fc.integer({ min: -2, max: 10 }) }),
    fc.record({ max: fc.integer({ min: -2, max: 10 }) }),
    fc.record({ min: fc.integer({ min: -2, max: 5 }), max: fc.integer({ min: 5, max: 10 }) }),
    fc.record({ prefix: fc.constantFrom('/', '/data', '/data/', '/data/x', 'a') }),
    fc.record({ prefix: fc.constantFrom('/data/', '/data'), max_len: fc.integer({ min: 5, max: 12 }) }),
    fc.record({ cidr: fc.constantFrom('10.0.0.0/8', '10.0.0.0/24', '0.0.0.0/0', '192.168.0.0/16', '::/0') }),
    fc.record({ max_len: fc.integer({ min: 0, max: 12 }) }),
    fc.constant<Constraint>({ forbidden: true }),
    fc.record({
      one_of: fc.array(scalar, { minLength: 1, maxLength: 4 }),
      max_len: fc.integer({ min: 0, max: 8 }),
    }),
  )
  .filter((candidate) => malformed(candidate) === undefined)

test('whatever a narrower constraint lets through, the wider one lets through', () => {
  fc.assert(
    fc.property(constraint, constraint, value, (a, b, candidate) => {
      if (!narrower(a, b) || violated(a, candidate) !== undefined) return
      assert.equal(violated(b, candidate), undefined, JSON.stringify({ a, b, candidate }))
    }),
    { numRuns: 20_000 },
  )
})

test('every constraint is as narrow as itself, and narrowing twice is narrowing', () => {
  fc.assert(fc.property(constraint, (a) => assert.ok(narrower(a, a), JSON.stringify(a))))
  fc.assert(
    fc.property(constraint, constraint, constraint, (a, b, c) => {
      if (narrower(a, b) && narrower(b, c)) assert.ok(narrower(a, c), JSON.stringify({ a, b, c }))
    }),
    { numRuns: 5000 },
  )
})

test('no spelling of a path climbs out of its prefix', () => {
  const climbs = [
    '.\t.',
    '.\n.',
    '\uff0e\uff0e',
    '\u2024\u2024',
    '\u2025',
    '%c0%ae%c0%ae',
    '%u002e%u002e',
    '.%09.',
    '..\uff0f..',
    '..',
    '%2e%2e',
    '%2E%2e',
    '.%2e',
    '%252e%252e',
    '..;',
    '.. ',
    '..%2f',
    '..\\',
    '%5c..',
  ]
  for (const climb of climbs) {
    for (const path of [`/data/${climb}/etc`, `/data/x/${climb}/${climb}/etc`, `/data/${climb}`]) {
      assert.notEqual(violated({ prefix: '/data/' }, path), undefined, path)
    }
  }
  assert.equal(violated({ prefix: '/data/' }, '/data/..notes/a...b'), undefined)
  assert.equal(violated({ prefix: '/data/' }, '/data'), undefined)
  assert.notEqual(violated({ prefix: '/data/' }, '/database'), undefined)
})

test('an argument that is left out satisfies only that it must be absent', () => {
  fc.assert(
    fc.property(constraint, (a) => {
      assert.equal(violated(a, undefined) === undefined, a.forbidden === true)
    }),
  )
})

test('an address in other clothes is not in the block', () => {
  for (const address of [
    '::ffff:10.0.0.1',
    '10.0.0.1 ',
    '10.0.0.01',
    '0x0a000001',
    '10.1',
    'fe80::1%eth0',
    167772161,
  ]) {
    assert.notEqual(violated({ cidr: '10.0.0.0/8' }, address), undefined, String(address))
  }
  assert.equal(violated({ cidr: '2001:db8::/32' }, '2001:db8::1'), undefined)
})

const detail: fc.Arbitrary<GrantDetail> = fc.record({
  kind: fc.constantFrom('tool' as const, 'resource' as const, 'model' as const),
  server: fc.constantFrom('s', 't'),
  name: fc.constantFrom('*', 'a', 'b', 'file:///data/*', 'file:///data/x', 'file:///data/../etc', 'b*'),
  constraints: fc.dictionary(fc.constantFrom('p', 'q'), constraint, { maxKeys: 2 }),
})
const grant: fc.Arbitrary<Grant> = fc.record({
  id: fc.constant('g'),
  task: fc.constant('t'),
  details: fc.array(detail, { maxLength: 3 }),
  budget: fc.record({ calls: fc.nat(5), bytes: fc.nat(5) }, { requiredKeys: [] }),
  subjectArguments: fc.subarray(['p', 'q']),
  costs: fc.dictionary(fc.constantFrom('s/a', 's/b'), fc.nat(3), { maxKeys: 2 }),
  localTools: fc.subarray(['think', 'bash']),
  delegable: fc.nat(3),
  delegates: fc.subarray(['bot', 'sub', '*']),
  parent: fc.constant(undefined),
  expiresAt: fc.nat(5),
})
const action: fc.Arbitrary<Action> = fc.record({
  protocol: fc.constant('mcp' as const),
  era: fc.constant('legacy' as const),
  server: fc.constantFrom('s', 't', 'u'),
  method: fc.constant('x'),
  kind: fc.constantFrom('tool' as const, 'resource' as const, 'model' as const),
  name: fc.constantFrom(
    'a',
    'b',
    'bc',
    '*',
    'file:///data/x',
    'file:///data/y',
    'file:///data/../etc',
    'file:///data/%2e%2e/etc',
  ),
  args: fc.dictionary(
    fc.constantFrom('p', 'q', 'r'),
    value.filter((item) => item !== undefined),
    { maxKeys: 3 },
  ) as fc.Arbitrary<Action['args']>,
  params: fc.constant(undefined),
  contentDigest: fc.constant(''),
  bytes: fc.constant(0),
})

test('a grant inside another never covers a call that the other does not', () => {
  let inside = 0
  fc.assert(
    fc.property(grant, grant, fc.array(action, { minLength: 5, maxLength: 5 }), (made, parent, calls) => {
      const { subjectArguments, costs, delegates } = parent
      const child = { ...made, subjectArguments, costs, delegates, delegable: 0 }
      if (!isSubset(child, parent)) return
      inside++
      assert.ok(child.localTools?.every((name) => parent.localTools?.includes(name)))
      const [own, wider] = [compileGrant(child), compileGrant(parent)]
      for (const call of calls) {
        if (own.covers(call) === undefined)
          assert.equal(wider.covers(call), undefined, JSON.stringify({ child, parent, call }))
      }
      assert.ok(child.expiresAt <= parent.expiresAt)
      assert.ok((child.budget.calls ?? Infinity) <= (parent.budget.calls ?? Infinity))
    }),
    { numRuns: 20_000 },
  )
  assert.ok(inside > 200, `the property was tried on ${inside} pairs only`)
})

test('a grant is inside itself, and inside one with more', () => {
  fc.assert(
    fc.property(grant, detail, (own, more) => {
      const child = { ...own, delegable: Math.max(0, own.delegable - 1) }
      assert.ok(isSubset(child, own))
      assert.ok(isSubset(child, { ...own, details: [...own.details, more], expiresAt: own.expiresAt + 1 }))
    }),
  )
})

test('a child without the limit of its parent is not inside it', () => {
  const parent: Grant = {
    id: 'g',
    task: 't',
    details: [],
    budget: { calls: 5 },
    subjectArguments: ['patient'],
    costs: { 's/a': 2 },
    delegable: 2,
    delegates: ['sub'],
    parent: undefined,
    expiresAt: 5,
  }
  const child = { ...parent, delegable: 1 }
  assert.ok(isSubset(child, parent))
  const wider: Partial<Grant>[] = [
    { budget: {} },
    { budget: { calls: 6 } },
    { budget: { calls: -1 } },
    { budget: { calls: Number.NaN } },
    { expiresAt: 6 },
    { delegable: 2 },
    { delegates: ['sub', 'other'] },
    { delegates: ['*'] },
    { subjectArguments: [] },
    { costs: {} },
    { costs: { 's/a': 1 } },
  ]
  for (const change of wider)
    assert.equal(isSubset({ ...child, ...change }, parent), false, JSON.stringify(change))
})
