import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../model/json.ts'
import { Refusal } from '../model/refusal.ts'
import type { Task } from '../model/task.ts'
import type { PastCall } from './policy-diff.ts'
import { diffPolicies, isJudged } from './policy-diff.ts'

const TOOL = {
  server: 'mail',
  kind: 'tool',
  name: 'send',
  inputSchema: { type: 'object', properties: { to: { type: 'string' } } },
} as const
const CALL = { protocol: 'mcp', era: 'legacy', server: 'mail', method: 'tools/call', name: 'send' }
const STATE = { effect: 'egress', has: ['untrusted'] }
const task = {
  id: 'tsk_1',
  agent: 'agt_1',
  template: 'work',
  purpose: 'Test',
  onBehalfOf: 'alice',
  subject: undefined,
} as Task

const past = (data: JsonObject, content: JsonObject | undefined, more: Partial<PastCall> = {}): PastCall => ({
  found: { log: 'l', index: 1, at: '', type: 'call.intent' },
  data,
  agent: { name: 'bot', sponsor: 'alice' },
  task,
  content: async () => content,
  ...more,
})

const placement = { segmentOfAgent: () => 'a', segmentOfServer: () => 's', route: () => undefined }

async function judged(policy: string, call: PastCall): Promise<string> {
  const files = [{ path: 'draft.cedar', text: `permit (principal, action, resource);\n${policy}` }]
  const { changed, undecided } = await diffPolicies({ files, tools: [TOOL], placement }, [call])
  return undecided[0]?.why ?? changed.map((one) => `${one.was} → ${one.would_be}`)[0] ?? 'same'
}

const BY_ARGUMENT =
  'forbid (principal, action == Action::"mail/send", resource) when { context.input has to && context.input.to == "x" };'
const BY_FLOW = 'forbid (principal, action, resource) when { context.flow.untrusted };'
const BY_URI =
  'forbid (principal, action == Action::"resource.read", resource) when { context.input.uri like "secret:*" };'

test('what a draft reads of a past call is looked up, and what is not known is not guessed', async () => {
  const unopened = past(CALL, undefined, { content: () => Promise.reject(new Error('opened for nothing')) })
  assert.equal(await judged('', unopened), 'same')
  assert.equal(await judged('forbid (principal, action, resource);', unopened), 'allowed → denied')
  assert.equal(await judged(BY_ARGUMENT, past(CALL, { arguments: { to: 'x' } })), 'allowed → denied')
  assert.equal(await judged(BY_ARGUMENT, past(CALL, { arguments: { to: 'y' } })), 'same')
  assert.match(await judged(BY_ARGUMENT, past(CALL, undefined)), /without its arguments/)
  const cut = { arguments: { a: 1, 'ostiary:omitted_bytes': 40_000 } }
  assert.match(await judged(BY_ARGUMENT, past(CALL, cut)), /not kept whole/)
})

test('what a task had seen is taken from the entry', async () => {
  assert.match(await judged(BY_FLOW, past(CALL, undefined)), /without what its task had seen/)
  assert.equal(await judged(BY_FLOW, past({ ...CALL, flow_state: STATE }, undefined)), 'allowed → denied')
  assert.equal(await judged(BY_FLOW, past({ ...CALL, flow_state: { ...STATE, has: [] } }, undefined)), 'same')
  assert.equal(await judged(BY_ARGUMENT, past({ ...CALL, flow_state: STATE }, { arguments: {} })), 'same')
})

test('the URI of a resource, which is sealed, is opened when the draft reads it', async () => {
  const { name: _, ...read } = { ...CALL, method: 'resources/read' }
  assert.equal(await judged(BY_URI, past(read, { name: 'secret:1' })), 'allowed → denied')
  assert.equal(await judged(BY_URI, past(read, { name: 'open:1' })), 'same')
  assert.match(await judged(BY_URI, past(read, undefined)), /without its arguments/)
})

test('calls of tools, agents and tasks that are gone are undecided, and a draft with a mistake is refused', async () => {
  assert.match(await judged('', past({ ...CALL, name: 'gone' }, undefined)), /registry/)
  assert.match(await judged('', past(CALL, undefined, { agent: undefined })), /agent/)
  assert.match(await judged('', past(CALL, undefined, { task: undefined })), /task/)
  await assert.rejects(judged('forbid (principal', past(CALL, undefined)), (error) => {
    assert.ok(error instanceof Refusal)
    assert.equal(error.reason.code, 'POLICY_DRAFT_INVALID')
    assert.match(error.message, /draft\.cedar:2/)
    return true
  })
  const denied = past(CALL, undefined, { found: { log: 'l', index: 1, at: '', type: 'call.denied' } })
  assert.equal(await judged('', denied), 'denied → allowed')
  assert.ok(isJudged({ protocol: 'llm', method: 'messages' }) && !isJudged({ ...CALL, method: 'tools/list' }))
})

test('attack: a draft of many policies does not keep everybody else waiting for all of its calls', async () => {
  let turns = 0
  let isOver = false
  const turn = () => {
    turns++
    if (!isOver) setImmediate(turn)
  }
  const files = [{ path: 'draft.cedar', text: 'permit (principal, action, resource);' }]
  // Each call takes 6 ms.
  let time = 0
  const now = () => (time += 6)
  const answer = diffPolicies({ files, tools: [TOOL], placement, now }, Array(15).fill(past(CALL, undefined)))
  setImmediate(turn)
  assert.equal((await answer).judged, 15)
  isOver = true
  assert.ok(turns >= 3, `${turns} turns`)
})
