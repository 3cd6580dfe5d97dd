import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SseEvent } from '../../../lib/sse.ts'
import { sseParser } from '../../../lib/sse.ts'
import type { Era } from '../../../model/action.ts'
import { reason } from '../../../model/reasons.ts'
import type { Outcome } from './answer.ts'
import { Answer } from './answer.ts'
import { readMessage } from './message.ts'
import { Captured } from './reply.ts'

const STREAM = { status: 200, kind: 'sse', session: undefined } as const
const RESULT = '{"jsonrpc":"2.0","id":7,"result":{"content":[]}}'

const event = (data: string, id?: string): SseEvent => ({
  raw: `data: ${data}`,
  event: undefined,
  data,
  id,
  retry: 0,
})

/** One call, with the upstream's side played by the test: `resumed` settles with the event id the gateway asked from. */
function open(era: Era = 'legacy', refused = false) {
  const reply = new Captured(10_000)
  const abort = new AbortController()
  const asked = Promise.withResolvers<string>()
  const ended = Promise.withResolvers<Outcome>()
  let resumptions = 0
  const answer = new Answer({
    res: reply,
    asked: { id: 7, method: 'tools/call', era },
    server: 'files',
    timeoutMs: 60_000,
    signal: abort.signal,
    deliver: (text) =>
      refused
        ? { kind: 'refuse', reason: reason('UPSTREAM_PROTOCOL', { server: 'files', detail: 'it is bad' }) }
        : { kind: 'pass', text, message: readMessage(JSON.parse(text)) },
    eventIdFor: (event) => event,
    resume: (lastEventId) => {
      resumptions += 1
      asked.resolve(lastEventId)
      return { resume() {} }
    },
    sessionFor: (upstream) => upstream,
    onOutcome: ended.resolve,
  })
  return {
    reply,
    abort,
    answer,
    asked: asked.promise,
    outcome: ended.promise,
    resumptions: () => resumptions,
  }
}

test('a stream that a legacy server closed before the answer is taken up where it ended', async () => {
  const call = open()
  call.answer.head(STREAM)
  call.answer.event(event('', 'e1'))
  call.answer.end()
  assert.equal(await call.asked, 'e1')
  assert.equal(call.reply.writableEnded, false)
  call.answer.head(STREAM)
  call.answer.event(event(RESULT, 'e2'))
  call.answer.end()
  assert.equal((await call.outcome).result, 'ok')
  assert.ok(call.reply.body.includes(RESULT))
})

test('what comes on a stream that was taken up is inspected as the answer to the call', async () => {
  const call = open('legacy', true)
  call.answer.head(STREAM)
  call.answer.event(event('', 'e1'))
  call.answer.end()
  await call.asked
  call.answer.head(STREAM)
  call.answer.event(event(RESULT, 'e2'))
  assert.deepEqual((await call.outcome).code, 'UPSTREAM_PROTOCOL')
  assert.ok(!call.reply.body.includes(RESULT))
})

test('a client is told when a closed stream cannot be taken up', async () => {
  const call = open()
  call.answer.head(STREAM)
  call.answer.event(event('', 'e1'))
  call.answer.end()
  await call.asked
  call.answer.head({ status: 405, kind: 'json', session: undefined })
  call.answer.json('{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Method not allowed."}}')
  call.answer.end()
  assert.equal((await call.outcome).result, 'failed')
  assert.match(call.reply.body, /"id":7.*ended without an answer/)
})

test('an answered call is over, whatever its stream was called', async () => {
  const call = open()
  call.answer.head(STREAM)
  call.answer.event(event(RESULT, 'e1'))
  call.answer.end()
  assert.equal((await call.outcome).result, 'ok')
  assert.equal(call.resumptions(), 0)
})

test('a call that is cancelled while its stream is closed ends, and the server is not asked again', async () => {
  const call = open()
  call.answer.head(STREAM)
  call.answer.event(event('', 'e1'))
  call.answer.end()
  call.abort.abort()
  assert.equal((await call.outcome).result, 'gone')
  assert.equal(call.resumptions(), 0)
})

for (const [what, era, id] of [
  ['of a modern server', 'modern', 'e1'],
  ['whose id would break out of a header', 'legacy', 'e1\u0001x'],
  ['without an id', 'legacy', undefined],
] as const) {
  test(`a stream ${what} is not taken up`, async () => {
    const call = open(era)
    call.answer.head(STREAM)
    call.answer.event(event('', id))
    call.answer.end()
    await call.outcome
    assert.equal(call.resumptions(), 0)
  })
}

test('a legacy session that the server no longer knows is 404, whatever the body of its answer is', async () => {
  for (const body of ['{"error":"Session not found"}', '{"jsonrpc":"2.0","method":"x","id":3,"result":1}']) {
    const call = open('legacy', true)
    call.answer.head({ status: 404, kind: 'json', session: undefined })
    call.answer.json(body)
    call.answer.end()
    assert.equal((await call.outcome).code, 'SESSION_UNKNOWN')
    assert.equal(call.reply.status, 404)
  }
})

test('a secret in a comment, a field nobody reads or the name of an event does not reach the client', async () => {
  const call = open('modern')
  call.answer.head(STREAM)
  const parse = sseParser(10_000, (one) => void call.answer.event(one))
  parse(
    Buffer.from(
      `: key-of-the-upstream\n\nx-key: key-of-the-upstream\nretry: 50\n\nevent: key-of-the-upstream\n: key-of-the-upstream\nkey-of-the-upstream\ndata: ${RESULT}\n\n`,
    ),
  )
  call.answer.end()
  await call.outcome
  assert.ok(!call.reply.body.includes('key-of-the-upstream'), call.reply.body)
  assert.ok(call.reply.body.includes(`data: ${RESULT}\n\n`))
})
