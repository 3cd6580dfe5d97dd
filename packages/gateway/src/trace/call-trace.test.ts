import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallTrace, sampler } from './call-trace.ts'
import { newSpanId, newTraceId } from './ids.ts'
import { parseTraceparent } from './w3c.ts'

const parent = (traceId = newTraceId(), spanId = newSpanId()) => ({
  traceId,
  spanId,
  text: `00-${traceId}-${spanId}-01`,
})

test('a stranger’s trace is linked to and not taken up; a known agent’s is', () => {
  const theirs = parent()
  const trace = new CallTrace({ header: theirs.text })
  assert.notEqual(trace.traceId, theirs.traceId)
  assert.equal(trace.parent, undefined)
  assert.equal(trace.links[0]?.spanId, theirs.spanId)

  const known = new CallTrace({ header: theirs.text })
  known.authenticated()
  assert.equal(known.traceId, theirs.traceId)
  assert.equal(known.parent?.spanId, theirs.spanId)
  assert.deepEqual(known.links, [])
})

test('the message’s own context is the parent, that of its transport a link (SEP-414)', () => {
  const [message, transport] = [parent(), parent()]
  const trace = new CallTrace({ meta: message.text, header: transport.text })
  trace.authenticated()
  assert.equal(trace.traceId, message.traceId)
  assert.deepEqual(
    trace.links.map(({ spanId }) => spanId),
    [transport.spanId],
  )
})

test('whatever a caller sends, the span ids are the gateway’s own', () => {
  const theirs = parent()
  const traces = Array.from({ length: 100 }, () => new CallTrace({ meta: theirs.text }))
  const spans = traces.flatMap((trace) => [trace.spanId, trace.upstreamSpanId])
  assert.equal(new Set([...spans, theirs.spanId]).size, 201)
  for (const trace of traces) {
    trace.authenticated()
    const sent = parseTraceparent(trace.outbound(undefined))
    assert.deepEqual(sent, {
      traceId: theirs.traceId,
      spanId: trace.upstreamSpanId,
      isSampled: true,
      isRandom: false,
    })
  }
})

test('an agent can neither force nor avoid that its trace is recorded', () => {
  const key = Buffer.alloc(32, 7)
  const half = sampler(0.5, key)
  const ids = Array.from({ length: 2000 }, newTraceId)
  const share = ids.filter(half).length / ids.length
  assert.ok(share > 0.4 && share < 0.6, String(share))
  // The same for all of a trace, in every process with the key, and another without it.
  assert.deepEqual(ids.filter(half), ids.filter(sampler(0.5, key)))
  assert.notDeepEqual(ids.filter(half), ids.filter(sampler(0.5, Buffer.alloc(32, 8))))
  // Ids that common samplers take for certain, or never, are decided like all others.
  assert.equal(
    Array.from({ length: 64 }, (_, i) => `${'f'.repeat(30)}${i.toString(16).padStart(2, '0')}`).every(half),
    false,
  )
  const wishes = new CallTrace({ meta: parent().text })
  wishes.authenticated()
  assert.equal(parseTraceparent(wishes.outbound(() => false))?.isSampled, false)
})
