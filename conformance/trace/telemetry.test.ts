import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { Collector } from '../support/collector.ts'
import { freePort } from '../support/documents.ts'
import type { GuardedGateway } from '../support/gateway.ts'
import { RawClient, startGuarded } from '../support/gateway.ts'
import { entriesOf } from '../support/log-entries.ts'
import { ModelServer } from '../support/model-server.ts'
import { ToolServer } from '../support/tool-server.ts'

const KEY = 'sk-collector-71c2d9e04b55'
const SERVER = 2
const CLIENT = 3
const parent = { trace: '4bf92f3577b34da6a3ce929d0e0e4736', span: '00f067aa0ba902b7' }

let tools: ToolServer
let models: ModelServer
let collector: Collector
let gateway: GuardedGateway
let client: RawClient
let metricsUrl: string

const config = (collectorUrl: string, port: number | undefined) => ({
  segments: { agents: { agents: ['*'] }, servers: { servers: ['*'], models: ['*'] } },
  servers: { files: { url: tools.url, reverify: '1h' } },
  models: { lab: { apis: ['openai-chat'], url: models.url, models: ['m'] } },
  tasks: {
    work: {
      purpose: 'Test',
      agents: ['*'],
      tools: { 'files/echo': { text: { max_len: 40 } } },
      models: ['lab'],
    },
  },
  telemetry: {
    traces: { endpoint: collectorUrl, headers: { 'x-api-key': { env: 'COLLECTOR_KEY' } } },
    ...(port === undefined ? {} : { metrics: { listen: `127.0.0.1:${port}` } }),
  },
})

before(async () => {
  tools = await ToolServer.start()
  models = await ModelServer.start()
  collector = await Collector.start()
  const port = await freePort()
  metricsUrl = `http://127.0.0.1:${port}/metrics`
  gateway = await startGuarded(config(collector.url, port), { COLLECTOR_KEY: KEY })
  await gateway.approveAll('files')
  client = await RawClient.open(await gateway.enrol('bot'), 'work', '/mcp/files')
  await client.initialize()
})

after(async () => {
  await client?.[Symbol.asyncDispose]()
  await gateway?.[Symbol.asyncDispose]()
  await collector?.[Symbol.asyncDispose]()
  await tools?.[Symbol.asyncDispose]()
  await models?.[Symbol.asyncDispose]()
})

const scrape = async () => (await fetch(metricsUrl)).text()

test('a collector gets a span of the request and one of the exchange with the server, tied to the record', async () => {
  const told = `00-${parent.trace}-${parent.span}-01`
  const besides = `00-${parent.trace}-aaaaaaaaaaaaaaaa-01`
  const { json } = await client.post(
    {
      method: 'tools/call',
      params: { name: 'echo', arguments: { text: 'words-of-the-call' }, _meta: { traceparent: told } },
    },
    { headers: { traceparent: besides }, id: 1 },
  )
  assert.ok(json.result)
  const spans = await collector.received(({ traceId }) => traceId === parent.trace, 2)
  const server = spans.find(({ kind }) => kind === SERVER)
  const upstream = spans.find(({ kind }) => kind === CLIENT)
  assert.ok(server && upstream)
  assert.equal(server.name, 'tools/call echo')
  assert.equal(server.parentSpanId, parent.span)
  assert.deepEqual(server.links, [{ traceId: parent.trace, spanId: 'aaaaaaaaaaaaaaaa' }])
  assert.equal(upstream.parentSpanId, server.spanId)
  assert.ok(server.start <= upstream.start && upstream.start <= upstream.end && upstream.end <= server.end)
  // What the server was told is the span that the collector got.
  const got = tools.requests.findLast(({ body }) => body.includes('words-of-the-call'))
  assert.equal(got?.headers.traceparent, `00-${parent.trace}-${upstream.spanId}-01`)
  const intent = (await entriesOf(gateway)).find(
    ({ index }) => index === server.attributes['ostiary.log.index'],
  )
  assert.equal(intent?.type, 'call.intent')
  assert.deepEqual(intent.trace, { id: parent.trace, span: server.spanId })
  const { task, data, actor } = intent
  assert.equal(server.attributes['ostiary.task'], task)
  assert.equal(server.attributes['ostiary.call'], data.call)
  assert.equal(server.attributes['gen_ai.agent.id'], actor.agent)
  assert.equal(server.attributes['gen_ai.operation.name'], 'execute_tool')
  assert.equal(server.attributes['mcp.method.name'], 'tools/call')
  assert.equal(upstream.attributes['server.port'], Number(new URL(tools.url).port))
  assert.equal(server.resource['service.name'], 'ostiary')
  assert.match(String(server.resource['service.instance.id']), /^[0-9a-f-]{36}$/)
  assert.deepEqual(new Set(server.schemas), new Set(['https://opentelemetry.io/schemas/gen-ai/1.42.0']))
  assert.equal(collector.headers.at(-1)?.['x-api-key'], KEY)
})

test('a denial is a span with its reason, and has none towards the server', async () => {
  const trace = 'dddddddddddddddddddddddddddddddd'
  const { code } = await client.post({
    method: 'tools/call',
    params: {
      name: 'echo',
      arguments: { text: 'far too long to be allowed by the grant of this task' },
      _meta: { traceparent: `00-${trace}-${parent.span}-01` },
    },
  })
  const [span] = await collector.received(({ traceId }) => traceId === trace)
  assert.equal(span?.attributes['ostiary.decision'], 'deny')
  assert.equal(span?.attributes['ostiary.decision.code'], code)
  assert.equal(span?.attributes['error.type'], code)
  assert.equal(span?.status, 2)
  assert.equal(collector.spans.filter(({ traceId }) => traceId === trace).length, 1)
})

test('asking a model is in the trace, too', async () => {
  const trace = 'eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee'
  const answer = await client.agent.fetch(client.task, `${gateway.url}/llm/lab/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', traceparent: `00-${trace}-${parent.span}-01` },
    body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'said-to-the-model' }] }),
  })
  assert.equal(answer.status, 200, await answer.text())
  const spans = await collector.received(({ traceId }) => traceId === trace, 2)
  const upstream = spans.find(({ kind }) => kind === CLIENT)
  assert.equal(upstream?.name, 'chat m')
  assert.equal(upstream?.attributes['gen_ai.provider.name'], 'openai')
  assert.equal(upstream?.attributes['gen_ai.request.model'], 'm')
  assert.equal(models.asked.at(-1)?.headers.traceparent, `00-${trace}-${upstream?.spanId}-01`)
  assert.equal(models.asked.at(-1)?.headers.baggage, undefined)
})

test('no argument, result, secret or person is in what a collector gets', () => {
  const all = Buffer.concat(collector.bodies).toString('latin1')
  for (const kept of ['words-of-the-call', 'far too long', 'said-to-the-model', KEY, 'alice@example.org'])
    assert.ok(!all.includes(kept), kept)
})

test('metrics tell how calls ended, how long they took, and how the log stands', async () => {
  const text = await scrape()
  for (const line of [
    /^ostiary_calls_total\{protocol="mcp",kind="tool",result="ok",code=""\} 1$/m,
    /^ostiary_calls_total\{[^}]*result="denied",code="[A-Z_]+"\} 1$/m,
    /^ostiary_tool_calls_total\{server="files",tool="echo",result="ok"\} 1$/m,
    /^mcp_server_operation_duration_seconds_count\{mcp_method_name="tools\/call",error_type=""\} 1$/m,
    /^gen_ai_client_operation_duration_seconds_count\{.*\} 1$/m,
    /^ostiary_stage_duration_seconds_count\{stage="record"\} [1-9]/m,
    /^ostiary_log_entries [1-9]\d*$/m,
    /^ostiary_bus_alive 1$/m,
    /^nodejs_eventloop_lag_seconds /m,
  ])
    assert.ok(line.test(text), String(line))
})

test('metrics have no label that an agent can grow', async () => {
  const series = (text: string) =>
    new Set(text.split('\n').flatMap((line) => (line.startsWith('#') ? [] : [line.replace(/ [^ ]*$/, '')])))
  const odd = async (i: number) => {
    await client.call(`no-such-tool-${i}`)
    await client.post({ method: `no/such-method-${i}` })
    await client.post({ method: 'resources/read', params: { uri: `file:///no-such-${i}` } })
    await client.agent.request(client.task, `/mcp/no-such-server-${i}`, {
      method: 'POST',
      headers: client.baseHeaders(),
      body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
    })
  }
  await odd(0)
  const before = series(await scrape())
  for (let i = 1; i < 12; i++) await odd(i)
  const after = series(await scrape())
  assert.deepEqual(
    [...after].filter((one) => !before.has(one) && !/^(nodejs|process)_/.test(one)),
    [],
  )
  const names = [client.task, 'bot', 'alice', 'no-such']
  for (const one of after) for (const name of names) assert.ok(!one.includes(name), one)
})

test('metrics are on their own address, not on that of the agents, and no web page gets them', async () => {
  assert.equal((await fetch(`${gateway.url}/metrics`)).status, 404)
  const page = await fetch(metricsUrl, { headers: { origin: 'http://evil.example' } })
  assert.equal(page.status, 403)
  assert.equal((await fetch(metricsUrl.replace('/metrics', '/'))).status, 404)
})

test('a dead collector holds nobody up', async () => {
  // It takes connections and never answers.
  const tarpit = createServer(() => {}).listen(0, '127.0.0.1')
  await new Promise((listening) => tarpit.once('listening', listening))
  const url = `http://127.0.0.1:${(tarpit.address() as AddressInfo).port}/v1/traces`
  const other = await startGuarded(config(url, undefined), { COLLECTOR_KEY: KEY })
  try {
    await other.approveAll('files')
    await using raw = await RawClient.open(await other.enrol('bot'), 'work', '/mcp/files')
    await raw.initialize()
    for (let i = 0; i < 50; i++) assert.ok((await raw.call('echo', { text: 'a' })).json.result)
    const began = performance.now()
    await other.kill('SIGTERM')
    assert.ok(performance.now() - began < 8000, 'stopping waited for the collector')
  } finally {
    tarpit.closeAllConnections()
    await new Promise((closed) => tarpit.close(closed))
    await other[Symbol.asyncDispose]()
  }
})
