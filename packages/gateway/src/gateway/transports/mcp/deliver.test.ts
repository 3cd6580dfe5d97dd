import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FirewallRule } from '../../../config/firewall-schema.ts'
import { createScanner } from '../../../firewall/scanner.ts'
import { taskMarks } from '../../../firewall/task-marks.ts'
import type { Original } from '../../../firewall/treat.ts'
import { AuditUnavailable } from '../../../model/evidence.ts'
import { CallTrace } from '../../../trace/call-trace.ts'
import type { Exchange } from '../../exchange.ts'
import type { Server } from '../../servers.ts'
import type { McpContext } from './context.ts'
import { deliverer } from './deliver.ts'
import type { About } from './resumption.ts'
import type { UpstreamRequest } from './upstream.ts'

const CARD = '4539148803436467'
const RULE: FirewallRule = { find: ['personal-data'], in: 'results', do: 'redact' }

/** A deliverer of which only the edges are made up; `steps` is what happened, in order. */
function delivering(about: object, transformed: (originals: readonly Original[]) => Promise<void>) {
  const steps: string[] = []
  const context = {
    scanner: createScanner({ secrets: () => new Map() }),
    marks: taskMarks(Buffer.alloc(32)),
    rules: () => [RULE],
    keepsResults: () => false,
    logOrigin: 'test',
    transformed: (_exchange: Exchange, originals: readonly Original[]) => transformed(originals),
    authority: {
      async learn({ result }: { result: object }) {
        steps.push(`learned ${JSON.stringify(result)}`)
      },
    },
  } as unknown as McpContext
  const action = { server: 'files', method: 'tools/call', kind: 'tool', name: 'echo', args: {} }
  const facts = { task: { id: 'tsk_1', txn: 'tsk_1' }, action, intent: { index: 1, leaf: 'x' } }
  const exchange = {
    id: 'cal_1',
    findings: new Set(),
    trace: new CallTrace({}),
    facts,
  } as unknown as Exchange
  const server = { name: 'files', config: { may_ask: [] } } as unknown as Server
  const deliver = deliverer(context, exchange, server, about as About, { id: 1 } as UpstreamRequest)
  return { deliver, steps }
}

const CALL = { id: 1, method: 'tools/call', kind: 'tool' }
const answer = (result: object) => JSON.stringify({ jsonrpc: '2.0', id: 1, result })

test('what is taken out is known to the task and recorded before the rest is delivered', async () => {
  const { deliver, steps } = delivering(CALL, async (originals) => {
    steps.push(`recorded ${originals.map(({ text }) => text)}`)
  })
  const delivered = await deliver(answer({ text: `card ${CARD}` }))
  assert.ok(delivered.kind === 'pass')
  assert.ok(!delivered.text.includes(CARD))
  assert.deepEqual(steps, [
    `learned {"text":"card ${CARD}"}`,
    'learned {"text":"card [payment card removed]"}',
    `recorded ${CARD}`,
  ])
})

test('what could not be recorded is not delivered, in part or whole', async () => {
  const { deliver } = delivering(CALL, async () => {
    throw new AuditUnavailable('the disk is full')
  })
  const delivered = await deliver(answer({ text: `card ${CARD}` }))
  assert.equal(delivered.kind === 'refuse' && delivered.reason.code, 'CONTENT_UNRECORDED')
  assert.equal((await deliver(answer({ text: 'fine' }))).kind, 'pass')
})
