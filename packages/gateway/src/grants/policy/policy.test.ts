import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Json } from '../../model/json.ts'
import { PoliciesInvalid, parsePolicies } from './parse.ts'
import { PolicyEngine } from './policy.ts'
import type { PolicyRequest } from './request.ts'
import type { PolicyTool } from './schema.ts'

const properties = {
  path: { type: 'string' },
  count: { type: 'integer' },
  force: { type: 'boolean' },
  ratio: { type: 'number' },
  tags: { type: 'array', items: { type: 'string' } },
}
const tool = (name: string, kind: PolicyTool['kind'] = 'tool', server = 'files'): PolicyTool => ({
  server,
  kind,
  name,
  inputSchema: { type: 'object', properties },
})
const TOOLS = [tool('read'), tool('write'), tool('review', 'prompt'), tool('send', 'tool', 'mail')]

const engineOf = (text: string, tools = TOOLS) =>
  new PolicyEngine({ files: [{ path: 'p.cedar', text }], tools })

const request = (name: string, args: Record<string, Json> = {}, change: object = {}): PolicyRequest => ({
  principal: { agent: 'agt_1', agentName: 'bot', sponsor: 'alice@example.org' },
  task: {
    id: 'tsk_1',
    agent: 'agt_1',
    instance: 'ins_1',
    template: 'work',
    purpose: 'Test',
    onBehalfOf: 'alice@example.org',
    subject: 'patient-1',
    state: 'open',
    end: undefined,
    openedAt: 0,
    expiresAt: 1,
    idleMs: 1,
    vouched: 'sponsor',
    parent: undefined,
    lineage: '/tsk_1/',
    txn: 'tsk_1',
  },
  agentSegment: 'ward',
  serverSegment: 'tools',
  action: { server: 'files', kind: 'tool', name, args, era: 'legacy', ...change },
})

const codeOf = (engine: PolicyEngine, asked: PolicyRequest) => engine.decide(asked).reasons[0]?.code ?? 'ok'

const problemsOf = (text: string, tools = TOOLS): readonly string[] => {
  try {
    engineOf(text, tools).dispose()
  } catch (error) {
    if (error instanceof PoliciesInvalid) return error.problems
    throw error
  }
  return []
}

test('without policy files the grant alone decides; with files nothing is permitted by default', () => {
  assert.equal(codeOf(new PolicyEngine({ files: [], tools: TOOLS }), request('read')), 'ok')
  const engine = engineOf('permit (principal, action == Action::"files/read", resource);')
  assert.equal(codeOf(engine, request('read')), 'ok')
  assert.equal(codeOf(engine, request('write')), 'POLICY_NOT_PERMITTED')
})

test('a forbid wins over every permit', () => {
  const engine = engineOf(`
    permit (principal, action, resource);
    @id("no-force") forbid (principal, action in Action::"tool", resource)
    when { context.task has subject && context.task.subject == "patient-1" && resource.segment == "tools" };
  `)
  const { decision, determining } = engine.explain(request('read'))
  assert.equal(decision.reasons[0]?.code, 'POLICY_FORBIDDEN')
  assert.deepEqual(
    determining.map(({ id, line }) => [id, line]),
    [['no-force', 3]],
  )
})

test('a policy can look at arguments of every type it knows', () => {
  const engine = engineOf(`
    permit (principal, action == Action::"files/write", resource)
    when {
      context.input has path && context.input.path like "/data/*" &&
      context.input has count && context.input.count < 10 &&
      context.input has force && context.input.force == false &&
      context.input has ratio && context.input.ratio.lessThan(decimal("0.5")) &&
      context.input has tags && context.input.tags.contains("safe")
    };
  `)
  const good = { path: '/data/a', count: 3, force: false, ratio: 0.25, tags: ['safe', 'x'] }
  assert.equal(codeOf(engine, request('write', good)), 'ok')
  for (const bad of [{ path: '/etc' }, { count: 10 }, { force: true }, { ratio: 0.5 }, { tags: ['x'] }]) {
    assert.equal(codeOf(engine, request('write', { ...good, ...bad })), 'POLICY_NOT_PERMITTED')
  }
})

test('an argument that policies cannot read exactly is a denial: leaving it out would let a forbid be skipped', () => {
  const engine = engineOf(`
    permit (principal, action, resource);
    forbid (principal, action == Action::"files/write", resource) when { context.input has ratio && context.input.ratio.greaterThan(decimal("1.0")) };
  `)
  assert.equal(codeOf(engine, request('write', { ratio: 0.5 })), 'ok')
  for (const ratio of [1.000001, 1e300, 'x', [1]] as Json[]) {
    assert.equal(codeOf(engine, request('write', { ratio })), 'POLICY_ERROR', String(ratio))
  }
  assert.equal(
    codeOf(engine, request('write', { path: '\ud800' })),
    'ok',
    'an argument no policy reads does not matter',
  )
})

test('a typo is refused with file and line instead of never matching', () => {
  assert.match(
    problemsOf('permit (principal, action, resource)\nwhen { context.tsk == 1 };')[0] as string,
    /^p\.cedar:2/,
  )
  assert.match(
    problemsOf('\npermit (principal, action in Action::"tols", resource);')[0] as string,
    /^p\.cedar:2.*no action "tols"/,
  )
  assert.match(
    problemsOf(
      'forbid (principal, action == Action::"files/write", resource) when { context.input has pth };',
    )[0] as string,
    /^p\.cedar:1.*no input "pth".*path/,
  )
  assert.match(problemsOf('permit (principal, action, resource')[0] as string, /^p\.cedar:1/)
  assert.match(
    problemsOf(
      '@id("a") permit (principal, action, resource);\n@id("a") forbid (principal, action, resource);',
    )[0] as string,
    /p\.cedar:2.*taken/,
  )
  assert.ok(problemsOf('permit (principal == ?principal, action, resource);').length > 0, 'templates')
  assert.ok(
    problemsOf('permit (principal, action, resource) when { context.input.path == "x" };').length > 0,
    'use without has',
  )
})

test('a policy about a tool that is not approved yet sleeps, and wakes with the tool', () => {
  const text =
    'permit (principal, action in [Action::"files/read", Action::"files/later"], resource);\nforbid (principal, action == Action::"files/later", resource);'
  const before = engineOf(text)
  assert.deepEqual(
    before.dormant.map(({ line }) => line),
    [2],
  )
  assert.equal(codeOf(before, request('read')), 'ok')
  assert.equal(codeOf(before, request('later')), 'POLICY_ERROR')
  const after = engineOf(text, [...TOOLS, tool('later')])
  assert.deepEqual(after.dormant, [])
  assert.equal(codeOf(after, request('later')), 'POLICY_FORBIDDEN')
})

test('a tool cannot take the policies of a prompt by its name', () => {
  const engine = engineOf('permit (principal, action == Action::"files/prompt:review", resource);', [
    ...TOOLS,
    tool('prompt:review'),
  ])
  assert.equal(codeOf(engine, request('review', {}, { kind: 'prompt' })), 'ok')
  assert.equal(codeOf(engine, request('prompt:review')), 'POLICY_NOT_PERMITTED')
})

test('quotes and newlines in names cannot break out of the schema', () => {
  for (const name of ['a"b', 'a\\', 'a\nb', '" in Action::"call', '__proto__', 'constructor']) {
    const engine = engineOf('permit (principal, action == Action::"files/read", resource);', [
      ...TOOLS,
      tool(name),
    ])
    assert.equal(codeOf(engine, request(name)), 'POLICY_NOT_PERMITTED', JSON.stringify(name))
    engine.dispose()
  }
})

test('a slice decides as all policies together', () => {
  const clause = fc.constantFrom(
    '',
    'when { context.input has path && context.input.path like "/data/*" }',
    'unless { context.input has count && context.input.count > 3 }',
    'when { principal.sponsor == "alice@example.org" }',
    'when { resource.segment == "other" }',
    'when { context.task.template == "work" }',
  )
  const specific = fc.constantFrom(
    'action == Action::"files/read"',
    'action in [Action::"files/read", Action::"files/write"]',
  )
  const general = fc.constantFrom(
    'action',
    'action in Action::"tool"',
    'action in Action::"prompt"',
    'action in Action::"call"',
  )
  const effect = fc.constantFrom('permit', 'forbid')
  const plain = fc.constantFrom(
    '',
    'when { principal.sponsor == "alice@example.org" }',
    'when { resource.segment == "other" }',
  )
  const policy = fc.oneof(
    fc.tuple(effect, specific, clause).map(([e, a, c]) => `${e} (principal, ${a}, resource) ${c};`),
    fc.tuple(effect, general, plain).map(([e, a, c]) => `${e} (principal, ${a}, resource) ${c};`),
  )
  const args = fc.record({ path: fc.constantFrom('/data/a', '/etc'), count: fc.nat(6) }, { requiredKeys: [] })
  const naive = (texts: readonly string[], asked: PolicyRequest): boolean => {
    // Each policy alone in an engine of its own: what a slice cannot change.
    const hit = (text: string) => {
      const isForbid = text.startsWith('forbid')
      const engine = engineOf(isForbid ? `permit (principal, action, resource);\n${text}` : text)
      const allowed = engine.decide(asked).verdict.kind === 'allow'
      engine.dispose()
      return isForbid ? !allowed : allowed
    }
    const matching = texts.filter(hit)
    return (
      matching.some((text) => text.startsWith('permit')) &&
      !matching.some((text) => text.startsWith('forbid'))
    )
  }
  fc.assert(
    fc.property(
      fc.array(policy, { minLength: 1, maxLength: 5 }),
      fc.constantFrom('read', 'write'),
      args,
      (texts, name, given) => {
        const engine = engineOf(texts.join('\n'))
        const asked = request(name, given as Record<string, Json>)
        assert.equal(engine.decide(asked).verdict.kind === 'allow', naive(texts, asked), texts.join('\n'))
        engine.dispose()
      },
    ),
    { numRuns: 60 },
  )
})

test('two requests that differ in anything a policy may read are not taken for the same', () => {
  const engine = engineOf(
    'permit (principal, action == Action::"files/write", resource) when { context.input has path && context.input.path == "/a" };',
  )
  assert.equal(codeOf(engine, request('write', { path: '/a' })), 'ok')
  assert.equal(codeOf(engine, request('write', { path: '/b' })), 'POLICY_NOT_PERMITTED')
  assert.equal(codeOf(engine, request('write')), 'POLICY_NOT_PERMITTED')
  assert.equal(codeOf(engine, request('write', { path: '/a' })), 'ok')
})

test('policies speak of models: which one, and whose', () => {
  const engine = engineOf(`
    permit (principal, action in Action::"call", resource);
    forbid (principal, action == Action::"model.call", resource == Server::"lab") when { context.input.model like "big*" };
  `)
  const asked = (server: string, name: string) =>
    codeOf(engine, request(name, {}, { server, kind: 'model', args: undefined }))
  assert.deepEqual(
    [asked('lab', 'small'), asked('lab', 'big-1'), asked('other', 'big-1')],
    ['ok', 'POLICY_FORBIDDEN', 'ok'],
  )
  engine.dispose()
})

test('attack: policies that go deeper than Cedar can follow are refused, and Cedar goes on', () => {
  const when = (condition: string) => `permit (principal, action, resource) when { ${condition} };`
  const nested = (open: string, inner: string, close: string) => (times: number) =>
    when(open.repeat(times) + inner + close.repeat(times))
  const shapes = [
    nested('(', 'true', ')'),
    nested('!(', 'true', ')'),
    nested('[', '1', ']'),
    nested('{a: ', '1', '}'),
    nested('true || ', 'true', ''),
    nested('1 + ', '1 == 1', ''),
    nested('if true then ', 'true', ' else true'),
    nested('if true then true else ', 'true', ''),
    nested('', 'context', '.a'),
    nested('', '[1]', '.contains(1)'),
  ]
  for (const shape of shapes) {
    for (const times of [120, 300, 5000])
      assert.throws(() => parsePolicies([{ path: 'deep.cedar', text: `\n${shape(times)}` }]), PoliciesInvalid)
    assert.equal(parsePolicies([{ path: 'a.cedar', text: shape(20) }]).length, 1)
  }
  // What stands in a text or a comment is not counted, and closes nothing.
  assert.equal(
    parsePolicies([{ path: 'a.cedar', text: when(`"${'('.repeat(100)}" == "" // ${'['.repeat(99)}\n`) }])
      .length,
    1,
  )
  const hidden = when(`${'("))" == "" && '.repeat(40)}true${')'.repeat(40)}`)
  assert.throws(
    () => parsePolicies([{ path: 'a.cedar', text: hidden }]),
    /a\.cedar:1: the policy goes deeper/,
  )
})
