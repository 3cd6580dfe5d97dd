import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Action } from '../model/action.ts'
import type { GrantDetail } from '../model/grant.ts'
import { compileGrant } from './compile.ts'
import { detailsOf, mayOpen, openableBy, templateProblems } from './templates.ts'

const grantOf = (...details: GrantDetail[]) =>
  compileGrant({
    id: 'g',
    task: 't',
    details,
    budget: {},
    subjectArguments: [],
    costs: {},
    delegable: 0,
    delegates: [],
    parent: undefined,
    expiresAt: 1,
  })

const call = (change: Partial<Action>): Action => ({
  protocol: 'mcp',
  era: 'legacy',
  server: 'files',
  method: 'tools/call',
  kind: 'tool',
  name: 'read',
  args: {},
  params: undefined,
  contentDigest: '',
  bytes: 0,
  ...change,
})

const detail = (change: Partial<GrantDetail>): GrantDetail => ({
  kind: 'tool',
  server: 'files',
  name: 'read',
  constraints: {},
  ...change,
})

test('what is not named is not covered', () => {
  const grant = grantOf(detail({}))
  assert.equal(grant.covers(call({})), undefined)
  for (const other of [
    { name: 'write' },
    { server: 'mail' },
    { name: undefined },
    { kind: 'prompt' as const },
  ]) {
    assert.equal(grant.covers(call(other))?.code, 'GRANT_MISSING')
  }
})

test('a star in a tool name is a character, not a pattern', () => {
  const grant = grantOf(detail({ name: 'rea*' }))
  assert.equal(grant.covers(call({ name: 'read' }))?.code, 'GRANT_MISSING')
  assert.equal(grant.covers(call({ name: 'rea*' })), undefined)
})

test('one of several details that fits is enough; if none does, the broken rule is told without the value', () => {
  const grant = grantOf(
    detail({ constraints: { path: { prefix: '/a/' } } }),
    detail({ constraints: { path: { prefix: '/b/' } } }),
  )
  assert.equal(grant.covers(call({ args: { path: '/b/x' } })), undefined)
  const why = grant.covers(call({ args: { path: '/secret-of-alice' } }))
  assert.equal(why?.code, 'GRANT_CONSTRAINT')
  assert.ok(!JSON.stringify(why).includes('secret-of-alice'))
})

test('an argument is looked up in the call itself, not in what objects inherit', () => {
  const grant = grantOf(
    detail({ constraints: JSON.parse('{"constructor":{"forbidden":true},"toString":{"forbidden":true}}') }),
  )
  assert.equal(grant.covers(call({ args: {} })), undefined)
  assert.equal(grant.covers(call({ args: { toString: 'x' } }))?.code, 'GRANT_CONSTRAINT')
})

test('a resource prefix covers what is below it and nothing that climbs', () => {
  const grant = grantOf(detail({ kind: 'resource', name: 'file:///data/*' }))
  const read = (name: string) =>
    grant.covers(call({ kind: 'resource', method: 'resources/read', name }))?.code
  assert.equal(read('file:///data/a'), undefined)
  for (const uri of [
    'file:///database',
    'file:///data/../etc',
    'file:///data/%2e%2e/etc',
    'FILE:///data/a',
  ]) {
    assert.equal(read(uri), 'GRANT_MISSING', uri)
  }
})

test('who may not use a prompt may not ask to complete its arguments', () => {
  const grant = grantOf(detail({ kind: 'prompt', name: 'review' }))
  const complete = (ref: object) =>
    grant.covers(
      call({ kind: 'complete', method: 'completion/complete', name: undefined, params: { ref } as never }),
    )?.code
  assert.equal(complete({ type: 'ref/prompt', name: 'review' }), undefined)
  assert.equal(complete({ type: 'ref/prompt', name: 'other' }), 'GRANT_MISSING')
  assert.equal(complete({ type: 'ref/resource', name: 'review', uri: 'file:///x' }), 'GRANT_MISSING')
  assert.equal(complete({ name: 'review' }), 'GRANT_MISSING')
})

const template = (change: object) => ({
  purpose: 'p',
  agents: ['bot'],
  tools: {},
  prompts: [],
  resources: [],
  budget: {},
  models: [],
  lifetime: '1h',
  idle: '5m',
  ...change,
})

test('only the agents of a template may open it', () => {
  const templates = { a: template({}), b: template({ agents: ['*'] }), c: template({ agents: [] }) }
  assert.deepEqual(openableBy(templates as never, 'bot'), ['a', 'b'])
  assert.deepEqual(openableBy(templates as never, 'other'), ['b'])
  assert.equal(mayOpen(template({ agents: ['bo'] }) as never, 'bot'), false)
})

test('a template whose constraints nothing can satisfy is told of where it stands', () => {
  const templates = {
    t: template({
      tools: {
        'files/read': { path: { prefix: '/a/../b' }, size: { min: 5, max: 1 }, ip: { cidr: '10.0.0.0/99' } },
      },
      resources: [{ server: 'files', uri: 'file:///a/../*' }],
    }),
  }
  const found = templateProblems(templates as never).map(({ path }) => path.join('.'))
  assert.deepEqual(
    found,
    ['t.tools.files/read.path', 't.tools.files/read.size', 't.tools.files/read.ip', 't.resources.0.uri'].map(
      (path) => `tasks.${path}`,
    ),
  )
  assert.equal(detailsOf(templates.t as never, undefined).length, 2)
})

test('a template grants a provider’s models one by one, or all of them', () => {
  const action = (server: string, name: string | undefined) =>
    call({ protocol: 'llm', server, kind: 'model', name, args: undefined })
  const grant = grantOf(...detailsOf(template({ models: ['lab/org/small', 'big'] }) as never, undefined))
  assert.equal(grant.covers(action('lab', 'org/small')), undefined)
  assert.equal(grant.covers(action('lab', 'org/large'))?.code, 'GRANT_MISSING')
  assert.equal(grant.covers(action('lab', undefined))?.code, 'GRANT_MISSING')
  assert.equal(grant.covers(action('big', 'anything')), undefined)
  assert.equal(grant.allowsName('tool', 'lab', 'org/small'), false)
})
