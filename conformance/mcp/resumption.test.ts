import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { GuardedFixture } from './guarded-fixture.ts'
import { startGuardedFixture } from './guarded-fixture.ts'

let fixture: GuardedFixture

before(async () => {
  fixture = await startGuardedFixture()
})

after(() => fixture?.[Symbol.asyncDispose]())

const HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }

const post = (message: object, headers: Record<string, string> = {}, signal?: AbortSignal) =>
  fetch(fixture.guarded, {
    method: 'POST',
    headers: { ...HEADERS, ...headers },
    body: JSON.stringify({ jsonrpc: '2.0', ...message }),
    ...(signal ? { signal } : {}),
  })

async function openSession(): Promise<Record<string, string>> {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } }
  const response = await post({ id: 0, method: 'initialize', params })
  await response.text()
  const session = {
    'mcp-session-id': response.headers.get('mcp-session-id') ?? '',
    'mcp-protocol-version': '2025-11-25',
  }
  await (await post({ method: 'notifications/initialized' }, session)).text()
  return session
}

/** Calls a tool and loses the connection as soon as an event with an id has come. @returns that id */
async function lose(session: Record<string, string>, id: number): Promise<string> {
  const cut = new AbortController()
  const params = { name: 'test_tool_with_progress', arguments: {}, _meta: { progressToken: id } }
  const response = await post({ id, method: 'tools/call', params }, session, cut.signal)
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  for (let text = ''; ; ) {
    const { value, done } = await reader.read()
    if (done) throw new Error('the stream has no ids')
    text += new TextDecoder().decode(value)
    const event = /^id: (.+)$/m.exec(text)?.[1]
    if (event === undefined) continue
    cut.abort()
    return event
  }
}

/** What the server still has after an event; asked again while it thinks that the lost connection is there. */
async function rest(
  session: Record<string, string>,
  event: string,
): Promise<{ status: number; text: string }> {
  const end = Date.now() + 10_000
  for (;;) {
    const response = await fetch(fixture.guarded, {
      headers: { accept: 'text/event-stream', 'last-event-id': event, ...session },
      signal: AbortSignal.timeout(5000),
    })
    if (response.status === 409 && Date.now() < end) {
      await response.text()
      await new Promise((done) => setTimeout(done, 50))
      continue
    }
    let text = ''
    const decoder = new TextDecoder()
    try {
      for await (const chunk of response.body as ReadableStream<Uint8Array>) {
        text += decoder.decode(chunk, { stream: true })
        if (/"(result|error)":/.test(text)) break
      }
    } catch {
      // A stream with nothing more on it stays open.
    }
    return { status: response.status, text }
  }
}

test('a client that lost its connection comes back for the answer, and it is inspected and proved', async () => {
  const session = await openSession()
  const event = await lose(session, 7)
  assert.doesNotMatch(event, /^event-\d+$/, 'the upstream’s own id went to the client')
  const { text } = await rest(session, event)
  assert.match(text, /Done in three steps/)
  assert.match(text, /io\.ostiary\/receipt/)
  assert.match(text, /"id":7/)
})

test('an agent cannot take up the stream of another session', async () => {
  const event = await lose(await openSession(), 8)
  const other = await openSession()
  const { text } = await rest(other, event)
  assert.doesNotMatch(text, /Done in three steps/)
})

test('an official client whose stream breaks off gets its answer by itself', async () => {
  let broken = 0
  const client = new Client({ name: 'official', version: '1' })
  const transport = new StreamableHTTPClientTransport(new URL(fixture.guarded), {
    reconnectionOptions: {
      initialReconnectionDelay: 50,
      maxReconnectionDelay: 100,
      reconnectionDelayGrowFactor: 1,
      maxRetries: 20,
    },
    async fetch(url, init) {
      const response = await fetch(url, init)
      if (broken > 0 || !String(init?.body).includes('"tools/call"')) return response
      broken++
      const reader = (response.body as ReadableStream<Uint8Array>).getReader()
      const cut = new ReadableStream<Uint8Array>({
        async pull(controller) {
          const { value } = await reader.read()
          if (value) controller.enqueue(value)
          if (!value || new TextDecoder().decode(value).includes('"progress":0')) {
            await reader.cancel()
            controller.error(new Error('the network is gone'))
          }
        },
      })
      return new Response(cut, { status: response.status, headers: response.headers })
    },
  })
  try {
    await client.connect(transport)
    const progress: number[] = []
    const result = await client.callTool({ name: 'test_tool_with_progress', arguments: {} }, undefined, {
      onprogress: (step) => progress.push(step.progress),
      timeout: 10_000,
    })
    assert.equal(broken, 1)
    assert.deepEqual(result.content, [{ type: 'text', text: 'Done in three steps' }])
    assert.deepEqual(progress, [0, 50, 100])
  } finally {
    await client.close()
  }
})
