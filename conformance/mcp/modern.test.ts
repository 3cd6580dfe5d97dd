import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { GuardedFixture } from './guarded-fixture.ts'
import { startGuardedFixture } from './guarded-fixture.ts'
import { messagesOf } from './stream.ts'

const VERSION = '2026-07-28'

let fixture: GuardedFixture

before(async () => {
  fixture = await startGuardedFixture()
})

after(() => fixture?.[Symbol.asyncDispose]())

interface Sent {
  readonly method: string
  readonly params?: Record<string, unknown>
  /** Instead of what the body says. */
  readonly headers?: Record<string, string>
  readonly version?: string
  readonly signal?: AbortSignal
}

/** A modern request whose headers say what its body says, unless told otherwise. */
function post({ method, params = {}, headers = {}, version = VERSION, signal }: Sent): Promise<Response> {
  const _meta = {
    ...(params._meta as object | undefined),
    'io.modelcontextprotocol/protocolVersion': version,
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  return fetch(fixture.guarded, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': version,
      'mcp-method': method,
      ...(typeof params.name === 'string' ? { 'mcp-name': params.name } : {}),
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta } }),
    ...(signal ? { signal } : {}),
  })
}

interface Refused {
  readonly error: { code: number; data: { code: string; supported?: string[] } }
}

async function assertRefused(sent: Sent, code: number, reason: string): Promise<Refused['error']> {
  const response = await post(sent)
  const { error } = (await response.json()) as Refused
  assert.equal(response.status, 400)
  assert.deepEqual([error.code, error.data.code], [code, reason])
  return error
}

async function call(name: string): Promise<string> {
  const response = await post({ method: 'tools/call', params: { name, arguments: {} } })
  const { result } = (await response.json()) as { result: { content: { text: string }[] } }
  return result.content[0]?.text ?? ''
}

const simple = { name: 'test_simple_text', arguments: {} }

test('headers that say something else than the body are refused: method, name, version', async () => {
  const sent = { method: 'tools/call', params: simple }
  assert.equal((await post(sent)).status, 200)
  for (const headers of [
    { 'mcp-method': 'tools/list' },
    { 'mcp-name': 'test_image_content' },
    { 'mcp-protocol-version': '2025-11-25' },
    { 'mcp-method': '' },
  ]) {
    await assertRefused({ ...sent, headers }, -32020, 'HEADER_MISMATCH')
  }
})

test('an argument that is mirrored in a header must be the same in both', async () => {
  const sent = {
    method: 'tools/call',
    params: { name: 'test_custom_headers', arguments: { region: 'eu', priority: 2 } },
  }
  const same = { 'mcp-param-region': '=?base64?ZXU=?=', 'mcp-param-priority': '2' }
  assert.equal((await post({ ...sent, headers: same })).status, 200)
  for (const headers of [
    { 'mcp-param-region': 'us', 'mcp-param-priority': '2' },
    { 'mcp-param-region': 'eu', 'mcp-param-priority': '3' },
    { 'mcp-param-region': '=?base64?ZXU?=', 'mcp-param-priority': '2' },
    { 'mcp-param-region': 'eu' },
  ]) {
    await assertRefused({ ...sent, headers }, -32020, 'HEADER_MISMATCH')
  }
})

test('a protocol version nobody knows is refused with those that are spoken', async () => {
  const error = await assertRefused(
    { method: 'server/discover', version: '2031-01-01' },
    -32022,
    'PROTOCOL_VERSION_UNSUPPORTED',
  )
  assert.deepEqual(error.data.supported, [VERSION])
})

test('a subscription brings its acknowledgement first, then what was asked for and nothing else', async () => {
  const response = await post({
    method: 'subscriptions/listen',
    params: { notifications: { toolsListChanged: true } },
  })
  const messages = messagesOf(response)
  const acknowledged = await messages.next()
  assert.equal(acknowledged.value?.method, 'notifications/subscriptions/acknowledged')
  await call('test_trigger_prompt_change')
  await call('test_trigger_tool_change')
  const changed = await messages.next()
  assert.equal(changed.value?.method, 'notifications/tools/list_changed')
  assert.equal(changed.value?.params?._meta?.['io.modelcontextprotocol/subscriptionId'], 1)
  await messages.return()
})

test('a client that closes the stream of a call has cancelled it, and the server learns of it', async () => {
  const before = Number(await call('test_cancelled_calls'))
  const leaving = new AbortController()
  const response = await post({
    method: 'tools/call',
    params: { name: 'test_until_cancelled', arguments: {}, _meta: { progressToken: 'p' } },
    signal: leaving.signal,
  })
  const messages = messagesOf(response)
  assert.equal((await messages.next()).value?.method, 'notifications/progress')
  leaving.abort()
  // The news takes its way through two more connections; each look is a round trip, and the test has a deadline.
  while (Number(await call('test_cancelled_calls')) === before);
  assert.equal(Number(await call('test_cancelled_calls')), before + 1)
})

test('a legacy client cannot shed its session by sending a header of the modern era', async () => {
  const response = await fetch(fixture.guarded, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2025-11-25',
      'mcp-method': 'tools/list',
      'mcp-session-id': 'not one of ours',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} }),
  })
  const { error } = (await response.json()) as Refused
  assert.deepEqual([response.status, error.data.code], [404, 'SESSION_UNKNOWN'])
})
