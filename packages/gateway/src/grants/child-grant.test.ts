import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sql } from 'kysely'
import type { Action } from '../model/action.ts'
import type { Budget, Grant, GrantDetail } from '../model/grant.ts'
import { DIMENSIONS } from '../model/grant.ts'
import { Refusal } from '../model/refusal.ts'
import type { Store } from '../store/store.ts'
import { sqliteStore } from '../store/testing.ts'
import { isSubset } from './attenuate.ts'
import { Budgets } from './budgets.ts'
import type { ChildRequest } from './child-grant.ts'
import { childGrant } from './child-grant.ts'
import { compileGrant } from './compile.ts'
import { grantRow } from './task-rows.ts'

const values = ['pt-1', 'pt-2', 'pt-3', 5, 9]

const detail: fc.Arbitrary<GrantDetail> = fc.record({
  kind: fc.constant('tool' as const),
  server: fc.constantFrom('ehr', 'mail'),
  name: fc.constantFrom('*', 'read', 'write'),
  constraints: fc.dictionary(
    fc.constantFrom('patient', 'limit'),
    fc.oneof(
      fc.record({ eq: fc.constantFrom(...values) }),
      fc.record({ one_of: fc.subarray(values, { minLength: 1 }) }),
      fc.record({ max: fc.nat(9) }),
    ),
    { maxKeys: 2 },
  ),
})
const budget: fc.Arbitrary<Budget> = fc.record(
  { calls: fc.nat(9), writes: fc.nat(9), subjects: fc.nat(9), bytes: fc.nat(9), spend: fc.nat(9) },
  { requiredKeys: [] },
)
const root: fc.Arbitrary<Grant> = fc.record({
  id: fc.constant('g0'),
  task: fc.constant('t0'),
  details: fc.array(detail, { minLength: 1, maxLength: 3 }),
  budget,
  subjectArguments: fc.constant(['patient']),
  costs: fc.constant({ 'ehr/write': 2 }),
  delegable: fc.nat(4),
  delegates: fc.constantFrom(['sub'], ['*'], ['sub', 'helper']),
  parent: fc.constant(undefined),
  expiresAt: fc.constant(100),
})
const request: fc.Arbitrary<ChildRequest> = fc.record(
  {
    details: fc.array(detail, { minLength: 1, maxLength: 2 }),
    budget,
    expiresAt: fc.integer({ min: 1, max: 120 }),
    delegable: fc.nat(4),
  },
  { requiredKeys: [] },
)
/** Whose grant is handed on, to whom, how, and what the new grant spends afterwards. */
const step = fc.record({
  from: fc.nat(),
  agentName: fc.constantFrom('sub', 'helper', 'stranger'),
  request,
  calls: fc.nat(4),
  ends: fc.boolean(),
})

const call = (server: string, name: string, args: Action['args']): Action => ({
  protocol: 'mcp',
  era: 'modern',
  server,
  method: 'tools/call',
  kind: 'tool',
  name,
  args,
  params: undefined,
  contentDigest: '',
  bytes: 0,
})
const ACTIONS = ['ehr', 'mail'].flatMap((server) =>
  ['read', 'write', 'delete'].flatMap((name) =>
    [undefined, ...values].map((patient) =>
      call(server, name, patient === undefined ? {} : { patient, limit: 5 }),
    ),
  ),
)

const COST = { calls: 1, writes: 1, spend: 2, subjects: ['tag'] }
const newBudgets = () => new Budgets({} as Store)

test('no sequence of exchanges ever widens: not what may be done, not for how long, and not how much of it', () => {
  fc.assert(
    fc.property(root, fc.array(step, { maxLength: 12 }), (top, steps) => {
      const budgets = newBudgets()
      const grants = [top]
      const depth = new Map([[top.id, 0]])
      for (const [i, { from, agentName, request: wanted, calls, ends }] of steps.entries()) {
        const parent = grants[from % grants.length] as Grant
        let child: Grant
        try {
          const ids = { grant: `g${i + 1}`, task: `t${i + 1}` }
          child = childGrant(ids, parent, budgets.remaining(parent), { agentName, template: 'work' }, wanted)
        } catch (error) {
          assert.ok(error instanceof Refusal)
          continue
        }
        assert.notEqual(agentName, top.delegates.includes('*') ? '' : 'stranger')
        budgets.draw(parent, child)
        grants.push(child)
        depth.set(child.id, (depth.get(parent.id) ?? 0) + 1)
        for (let made = 0; made < calls; made++) budgets.reserve(child, COST)
        if (ends) budgets.end(grants.pop() as Grant)
      }
      for (const grant of grants) {
        assert.ok(grant.expiresAt <= top.expiresAt)
        assert.ok((depth.get(grant.id) ?? 0) <= top.delegable)
        const [own, outer] = [compileGrant(grant), compileGrant(top)]
        for (const action of ACTIONS) {
          if (own.covers(action) === undefined)
            assert.equal(outer.covers(action), undefined, JSON.stringify(action))
        }
      }
      const spent = budgets.spent(top.id)
      for (const dimension of DIMENSIONS) {
        const limit = top.budget[dimension]
        if (limit !== undefined && dimension !== 'bytes') assert.ok(spent[dimension] <= limit, dimension)
      }
    }),
    { numRuns: 3000 },
  )
})

const parent: Grant = {
  id: 'g0',
  task: 't0',
  details: [{ kind: 'tool', server: 'ehr', name: '*', constraints: { patient: { eq: 'pt-1' } } }],
  budget: { calls: 10 },
  subjectArguments: ['patient'],
  costs: {},
  delegable: 1,
  delegates: ['sub'],
  parent: undefined,
  expiresAt: 100,
}
const ids = { grant: 'g1', task: 't1' }
const child = (wanted: ChildRequest, from = parent, agentName = 'sub', remaining = from.budget) =>
  childGrant(ids, from, remaining, { agentName, template: 'work' }, wanted)
const codeOf = (work: () => unknown): string | undefined => {
  try {
    work()
    return undefined
  } catch (error) {
    return (error as Refusal).reason.code
  }
}

test('a sub-agent cannot shed a constraint, another patient, a limit or an end', () => {
  const details = (constraints: GrantDetail['constraints']) => [
    { kind: 'tool' as const, server: 'ehr', name: 'read', constraints },
  ]
  assert.deepEqual(child({ details: details({ patient: { eq: 'pt-1' } }) }).details.length, 1)
  for (const wanted of [
    { details: details({}) },
    { details: details({ patient: { eq: 'pt-2' } }) },
    { details: details({ patient: { one_of: ['pt-1', 'pt-2'] } }) },
    { details: [{ kind: 'tool' as const, server: 'mail', name: 'send', constraints: {} }] },
    { details: [{ kind: 'resource' as const, server: 'ehr', name: '*', constraints: {} }] },
    { budget: { calls: 11 } },
    { budget: { calls: -5 } },
    { budget: { spend: -1 } },
    { expiresAt: 101 },
    { delegable: 1 },
  ]) {
    assert.equal(
      codeOf(() => child(wanted)),
      'DELEGATION_WIDER',
      JSON.stringify(wanted),
    )
  }
})

test('a sub-agent cannot hand on what it may not, nor to an agent that is not named', () => {
  assert.equal(
    codeOf(() => child({}, child({}))),
    'DELEGATION_TOO_DEEP',
  )
  assert.equal(
    codeOf(() => child({}, parent, 'stranger')),
    'DELEGATION_NOT_ALLOWED',
  )
  assert.equal(
    codeOf(() => child({}, { ...parent, delegable: 0 })),
    'DELEGATION_TOO_DEEP',
  )
})

test('what is handed on counts as spent, comes back when it was not used, and cannot be drawn twice', () => {
  const budgets = newBudgets()
  const first = child({ budget: { calls: 6 } }, parent, 'sub', budgets.remaining(parent))
  budgets.draw(parent, first)
  assert.deepEqual(budgets.remaining(parent), { calls: 4 })
  assert.equal(
    codeOf(() => child({ budget: { calls: 5 } }, parent, 'sub', budgets.remaining(parent))),
    'DELEGATION_WIDER',
  )
  for (let i = 0; i < 4; i++) assert.equal(budgets.reserve(parent, COST), undefined)
  assert.equal(budgets.reserve(parent, COST)?.code, 'BUDGET_SPENT')
  assert.equal(budgets.reserve(first, COST), undefined)
  budgets.end(first)
  assert.deepEqual(budgets.remaining(parent), { calls: 5 })
  assert.equal(budgets.reserve(parent, COST), undefined)
})

test('a call for a second subject is refused when the budget knows one', () => {
  const budgets = newBudgets()
  const grant = { ...parent, budget: { subjects: 1 } }
  assert.equal(budgets.reserve(grant, { ...COST, subjects: ['a'] }), undefined)
  assert.equal(budgets.reserve(grant, { ...COST, subjects: ['a'] }), undefined)
  assert.equal(budgets.reserve(grant, { ...COST, subjects: ['b'] })?.code, 'BUDGET_SPENT')
  assert.equal(budgets.reserve(grant, { ...COST, subjects: ['a', 'b'] })?.code, 'BUDGET_SPENT')
})

test('a task with no writes left still reads', () => {
  const budgets = newBudgets()
  const grant = { ...parent, budget: { writes: 0, spend: 3 } }
  assert.equal(budgets.reserve(grant, { ...COST, spend: 0 })?.details.dimension, 'writes')
  assert.equal(budgets.reserve(grant, { ...COST, writes: 0 }), undefined)
  assert.equal(budgets.reserve(grant, { ...COST, writes: 0 })?.details.dimension, 'spend')
})

test('a part of a part is inside both', () => {
  const wide = { ...parent, delegable: 3 }
  const middle = child({ delegable: 2, budget: { calls: 5 } }, wide)
  const inner = child({ delegable: 1, expiresAt: 50 }, middle)
  assert.ok(isSubset(inner, middle))
  assert.ok(isSubset(inner, wide))
})

test('a sub-agent shares the subjects of the task above, and a new one counts all the way up', () => {
  const budgets = newBudgets()
  const top = { ...parent, budget: { subjects: 2 } }
  const below = child({}, top, 'sub', budgets.remaining(top))
  budgets.draw(top, below)
  assert.equal(budgets.reserve(top, { ...COST, subjects: ['a'] }), undefined)
  assert.equal(budgets.reserve(below, { ...COST, subjects: ['a'] }), undefined)
  assert.equal(budgets.reserve(below, { ...COST, subjects: ['b'] }), undefined)
  assert.equal(budgets.reserve(top, { ...COST, subjects: ['c'] })?.code, 'BUDGET_SPENT')
  assert.equal(budgets.reserve(below, { ...COST, subjects: ['c'] })?.code, 'BUDGET_SPENT')
  budgets.end(below)
  assert.equal(budgets.reserve(top, { ...COST, subjects: ['c'] })?.code, 'BUDGET_SPENT')
})

test('a crash gives nothing back: what an ended sub-agent spent, and the subjects it met, still count above', async () => {
  const place = await sqliteStore()
  const store = await place.open()
  try {
    await sql`pragma foreign_keys = off`.execute(store.db)
    const at = { opened_at: 1, expires_at: 9, idle_ms: 9, last_used_at: 1, closed_at: null, end_reason: null }
    const who = { agent_id: 'a', instance_id: 'i', on_behalf_of: 'x', vouched: 'sponsor' as const }
    const what = { template: 't', purpose: 'p', subject: null, txn: 't0' }
    const top: Grant = { ...parent, budget: { calls: 10, subjects: 1 } }
    const below: Grant = { ...top, id: 'g1', task: 't1', parent: 'g0', budget: { calls: 5, subjects: 1 } }
    const tasks = [
      { id: 't0', lineage: '/t0/', parent_id: null, state: 'open' as const },
      { id: 't1', lineage: '/t0/t1/', parent_id: 't0', state: 'closing' as const },
    ]
    for (const task of tasks)
      await store.db
        .insertInto('tasks')
        .values({ ...task, ...who, ...what, ...at })
        .execute()
    for (const grant of [top, below]) await store.db.insertInto('grants').values(grantRow(grant)).execute()
    const budgets = new Budgets(store)
    await budgets.load()
    for (let i = 0; i < 3; i++) budgets.replay({ ...COST, writes: 0, spend: 0, grant: 'g1', bytes: 7 })
    assert.equal(budgets.remaining(top).calls, 7)
    assert.equal(budgets.reserve(top, { ...COST, subjects: ['another'] })?.code, 'BUDGET_SPENT')
  } finally {
    await store[Symbol.asyncDispose]()
    await place.dispose()
  }
})
