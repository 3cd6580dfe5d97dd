import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import type { GuardedGateway } from '../support/gateway.ts'
import { RawClient, startGuarded } from '../support/gateway.ts'
import { ToolServer } from '../support/tool-server.ts'

let tools: ToolServer
let gateway: GuardedGateway
let client: RawClient

before(async () => {
  tools = await ToolServer.start()
  gateway = await startGuarded({
    limits: { body: 100_000, body_timeout: '1s' },
    servers: { files: { url: tools.url } },
    tasks: { work: { purpose: 'Test', agents: ['*'], tools: { 'files/echo': {} } } },
  })
  await gateway.approveAll('files')
  client = await RawClient.open(await gateway.enrol('bot'), 'work', '/mcp/files')
  await client.initialize()
})

after(async () => {
  await client?.[Symbol.asyncDispose]()
  await gateway?.[Symbol.asyncDispose]()
  await tools?.[Symbol.asyncDispose]()
})

const call = (args: string) =>
  `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":${args}}}`

const CASES: readonly (readonly [
  what: string,
  body: string,
  code: string,
  headers?: Record<string, string>,
])[] = [
  ['a batch', `[${call('{}')}]`, 'BATCH_REFUSED'],
  ['a key given twice', call('{"text":"a","text":"b"}'), 'JSON_DUPLICATE_KEY'],
  ['a key given twice, once escaped', call('{"text":"a","te\\u0078t":"b"}'), 'JSON_DUPLICATE_KEY'],
  ['__proto__', call('{"__proto__":{"admin":true}}'), 'JSON_FORBIDDEN_KEY'],
  ['deep nesting', call('['.repeat(200) + ']'.repeat(200)), 'JSON_TOO_DEEP'],
  ['an integer that readers round', call('{"n":12345678901234567890}'), 'JSON_UNSAFE_NUMBER'],
  ['half a message', '{"jsonrpc":"2.0","id":1', 'JSON_INVALID'],
  ['no JSON-RPC at all', '{"hello":1}', 'MESSAGE_INVALID'],
  [
    'a request that is also a response',
    '{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}',
    'MESSAGE_INVALID',
  ],
  ['an id that is an object', '{"jsonrpc":"2.0","id":{},"method":"ping"}', 'MESSAGE_INVALID'],
  ['an unknown method', '{"jsonrpc":"2.0","id":1,"method":"admin/delete"}', 'METHOD_UNKNOWN'],
  ['a task method without rules', '{"jsonrpc":"2.0","id":1,"method":"tasks/list"}', 'METHOD_UNKNOWN'],
  [
    'an unknown protocol version',
    call('{}'),
    'PROTOCOL_VERSION_UNSUPPORTED',
    { 'mcp-protocol-version': '2031-01-01' },
  ],
  ['a form instead of JSON', call('{}'), 'CONTENT_TYPE_REFUSED', { 'content-type': 'text/plain' }],
  ['a body over the limit', call(`{"text":"${'x'.repeat(200_000)}"}`), 'REQUEST_TOO_LARGE'],
  ['a made-up session', call('{}'), 'SESSION_UNKNOWN', { 'mcp-session-id': 'AAAA' }],
]

for (const [what, body, code, headers] of CASES) {
  test(`${what} gets a clear error and does nothing`, async () => {
    const before = tools.calls.length
    const answer = await client.send(body, headers)
    assert.equal(answer.code, code)
    const { reason, next } = answer.json.error.data
    assert.ok(reason.length > 10 && next.length > 5)
    assert.equal(tools.calls.length, before, 'it reached the server')
  })
}

test('a body that is not UTF-8 is refused', async () => {
  const url = `${gateway.url}/mcp/files`
  const body = Buffer.concat([
    Buffer.from('{"jsonrpc":"2.0","id":1,"method":"'),
    Buffer.from([0xff, 0xfe]),
    Buffer.from('"}'),
  ])
  const headers = {
    ...client.baseHeaders(),
    ...(await client.agent.authorize(client.task, { method: 'POST', url, body })),
  }
  const answer = (await (await fetch(url, { method: 'POST', headers, body })).json()) as {
    error: { data: { code: string } }
  }
  assert.equal(answer.error.data.code, 'JSON_NOT_UTF8')
})

test('a body that never arrives does not hold the gateway', async () => {
  const { hostname, port } = new URL(gateway.url)
  const socket = connect(Number(port), hostname)
  socket.write(
    `POST /mcp/files HTTP/1.1\r\nhost: ${hostname}:${port}\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n{`,
  )
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  assert.match(text, /^HTTP\/1\.1 408/)
  assert.match(text, /REQUEST_TIMEOUT/)
})

test('a name that is not the gateway’s is refused', async () => {
  const { hostname, port } = new URL(gateway.url)
  const socket = connect(Number(port), hostname)
  socket.end('GET /mcp/files HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n')
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  assert.match(text, /^HTTP\/1\.1 403/)
  assert.match(text, /HOST_REFUSED/)
})

test('a modern request whose headers contradict its body is refused', async () => {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'echo', arguments: {}, _meta: meta },
  })
  const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'harmless' }
  const answer = await client.send(body, headers)
  assert.equal(answer.status, 400)
  assert.equal(answer.code, 'HEADER_MISMATCH')
  assert.equal(answer.json.error.code, -32020)
})

test('after all that a proper call goes through, byte for byte', async () => {
  const odd =
    '{ "jsonrpc":"2.0" ,"id" : 7, "extra":{"kept":1.50},"method":"tools/call","params":{"name":"echo","arguments":{"text":"é 😀"}}}'
  const answer = await client.send(odd)
  assert.equal(answer.json.result.content[0].text, 'é 😀')
  assert.ok(answer.json.result._meta['io.ostiary/receipt'].index > 0)
})
