import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resourceFromAttributes } from '@opentelemetry/resources'
import type { EndedCall } from './ended-call.ts'
import { spansOf } from './spans.ts'
import { endedCall } from './testing.ts'

const resource = resourceFromAttributes({})
const of = (call: EndedCall, isSampled = true) =>
  spansOf(call, { resource, sampler: () => isSampled, wallClock: 1_700_000_000_000 })

const call = (more: Partial<EndedCall> = {}): EndedCall =>
  endedCall({
    startedAt: 100,
    endedAt: 350.5,
    kind: 'resource',
    method: 'resources/read',
    name: 'file:///patients/maria-gomez',
    who: { agent: 'agt_1', instance: 'ins_1', above: ['agt_0'] },
    segments: { agent: 'agents', server: 'servers' },
    logIndex: 7,
    ...more,
  })

test('the address of a resource is nowhere in a span: it may name a person', () => {
  const [span] = of(call())
  assert.equal(span?.name, 'resources/read')
  assert.ok(!JSON.stringify(span).includes('maria'))
})

test('what an agent wrote in place of a tool’s name is not repeated', () => {
  const [span] = of(
    call({ kind: 'tool', method: 'tools/call', name: 'ssn 078\n05\u202e1120', result: 'denied' }),
  )
  assert.equal(span?.name, 'tools/call _OTHER')
  assert.ok(!JSON.stringify(span).includes('078'))
})

test('a span says who acted, for whom, where, what was decided, and where that is on record', () => {
  const [span] = of(call({ result: 'denied', code: 'LOCKED', stage: 'locks' }))
  assert.deepEqual(span?.attributes, {
    'ostiary.server': 'files',
    'mcp.method.name': 'resources/read',
    'network.transport': 'tcp',
    'ostiary.call': 'cal_1',
    'gen_ai.agent.id': 'agt_1',
    'ostiary.instance': 'ins_1',
    'ostiary.delegated_by': ['agt_0'],
    'ostiary.task': 'tsk_1',
    'ostiary.grant': 'grt_1',
    'ostiary.segment.agent': 'agents',
    'ostiary.segment.server': 'servers',
    'ostiary.decision': 'deny',
    'ostiary.decision.code': 'LOCKED',
    'ostiary.decision.stage': 'locks',
    'ostiary.log.index': 7,
    'error.type': 'LOCKED',
  })
})

test('a call that failed upstream was allowed all the same, and a tool’s own error is called one', () => {
  const failed = call({ result: 'failed', code: 'UPSTREAM_TIMEOUT' })
  failed.trace.forwardedAt = 200
  const [server, upstream] = of(failed)
  assert.equal(server?.attributes['ostiary.decision'], 'allow')
  assert.equal(upstream?.attributes['error.type'], 'UPSTREAM_TIMEOUT')
  assert.equal(upstream?.attributes['network.transport'], 'pipe')
  assert.equal(of(call({ result: 'tool_error' }))[0]?.attributes['error.type'], 'tool_error')
})

test('a trace that is not recorded makes no span', () => {
  assert.deepEqual(of(call(), false), [])
})
