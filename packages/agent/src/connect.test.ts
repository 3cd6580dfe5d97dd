import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import type { Agent } from './agent.ts'
import { connect } from './connect.ts'

interface Sent {
  readonly method: string
  readonly body: string | undefined
  readonly signal: AbortSignal | undefined
}

/** A gateway that never answers, and what reached it. */
function silent() {
  const sent: Sent[] = []
  const closed: string[] = []
  const { promise: first, resolve } = Promise.withResolvers<void>()
  const agent = {
    openTask: async () => ({ task: { id: 'tsk_1' }, servers: [] }),
    closeTask: async (id: string) => void closed.push(id),
    request: (
      _task: string,
      _path: string,
      init: { method: string; body?: string; signal?: AbortSignal },
    ) => {
      sent.push({ method: init.method, body: init.body, signal: init.signal })
      resolve()
      return new Promise((_, failed) => {
        init.signal?.addEventListener('abort', () => failed(new DOMException('aborted', 'AbortError')))
      })
    },
  }
  return { agent: agent as unknown as Agent, sent, closed, first }
}

const MESSAGES = {
  notification: { jsonrpc: '2.0', method: 'notifications/progress', params: {} },
  handshake: { jsonrpc: '2.0', id: 1, method: 'initialize', params: {} },
  request: { jsonrpc: '2.0', id: 1, method: 'ping' },
  reply: { jsonrpc: '2.0', id: 1, result: {} },
}

for (const [what, message] of Object.entries(MESSAGES)) {
  for (const how of ['a stop signal', 'the end of its input'] as const) {
    test(`an unanswered ${what} does not keep the bridge from ${how}, and its task ends`, async () => {
      const { agent, sent, closed, first } = silent()
      const input = new PassThrough()
      const stop = new AbortController()
      const done = connect({
        agent,
        server: 's',
        task: { template: 'x' },
        input,
        output: new PassThrough().resume(),
        say: () => {},
        signal: stop.signal,
      })
      input.write(`${JSON.stringify(message)}\n`)
      await first
      if (how === 'a stop signal') stop.abort()
      else input.end()
      await done
      assert.deepEqual(closed, ['tsk_1'])
      assert.ok(sent.every(({ signal }) => signal?.aborted))
    })
  }
}

test('after a stop nothing more is sent, also not what waited for the handshake', async () => {
  const { agent, sent, first } = silent()
  const input = new PassThrough()
  const stop = new AbortController()
  const done = connect({
    agent,
    server: 's',
    task: { template: 'x' },
    input,
    output: new PassThrough().resume(),
    say: () => {},
    signal: stop.signal,
  })
  input.write(`${JSON.stringify(MESSAGES.handshake)}\n${JSON.stringify({ ...MESSAGES.request, id: 2 })}\n`)
  await first
  stop.abort()
  await done
  assert.equal(sent.length, 1)
})
