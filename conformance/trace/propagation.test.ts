import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { defaultTextMapGetter, defaultTextMapSetter, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { AuthorisingProxy } from '../support/authorising-proxy.ts'
import type { GuardedGateway } from '../support/gateway.ts'
import { RawClient, startGuarded } from '../support/gateway.ts'
import { entriesOf } from '../support/log-entries.ts'
import { ToolServer } from '../support/tool-server.ts'

const PARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-0[0-3]$/
const THEIRS = { trace: '4bf92f3577b34da6a3ce929d0e0e4736', span: '00f067aa0ba902b7' }
const traceparent = `00-${THEIRS.trace}-${THEIRS.span}-01`

let outside: ToolServer
let partner: ToolServer
let gateway: GuardedGateway
let client: RawClient

before(async () => {
  outside = await ToolServer.start()
  partner = await ToolServer.start()
  gateway = await startGuarded({
    servers: {
      outside: { url: outside.url, reverify: '1h' },
      partner: { url: partner.url, reverify: '1h', trace: { baggage: ['tenant'], tracestate: ['acme'] } },
      child: {
        command: process.execPath,
        args: [join(import.meta.dirname, '../support/meta-server.ts')],
        reverify: '1h',
      },
    },
    tasks: {
      work: {
        purpose: 'Test',
        agents: ['*'],
        tools: { 'outside/*': {}, 'partner/*': {}, 'child/*': {} },
      },
    },
  })
  for (const server of ['outside', 'partner', 'child']) await gateway.approveAll(server)
  client = await RawClient.open(await gateway.enrol('bot'), 'work', '/mcp/outside')
  await client.initialize()
})

after(async () => {
  await client?.[Symbol.asyncDispose]()
  await gateway?.[Symbol.asyncDispose]()
  await outside?.[Symbol.asyncDispose]()
  await partner?.[Symbol.asyncDispose]()
})

/** A call with what an agent may put beside it, and what the server then got. */
async function called(meta: object, headers: Record<string, string>, server = outside, by = client) {
  const answer = await by.post(
    { method: 'tools/call', params: { name: 'echo', arguments: { text: 'a' }, _meta: meta } },
    { headers, id: 7 },
  )
  assert.equal(answer.code, undefined, answer.text)
  const got = server.requests.at(-1)
  assert.ok(got)
  return { meta: JSON.parse(got.body).params._meta, headers: got.headers, body: got.body, answer }
}

const callsOf = async (traceId: string) =>
  (await entriesOf(gateway)).filter((entry) => entry.trace?.id === traceId && entry.type === 'call.intent')

test('the trace of a call goes on to its server, under a span of the gateway, in the header and in `_meta`', async () => {
  const { meta, headers } = await called({ traceparent, progressToken: 'p' }, {})
  const [, traceId, span] = PARENT.exec(meta.traceparent) ?? []
  assert.equal(traceId, THEIRS.trace)
  assert.notEqual(span, THEIRS.span)
  assert.equal(headers.traceparent, meta.traceparent)
  assert.equal(meta.progressToken, 'p')
  const [intent] = await callsOf(THEIRS.trace)
  assert.ok(intent?.trace)
  assert.notEqual(intent.trace.span, THEIRS.span)
  assert.notEqual(intent.trace.span, span)
  assert.equal(intent.data.destination, new URL(outside.url).host)
})

test('an agent cannot smuggle baggage to a third party', async () => {
  const secret = 'ssn-078-05-1120'
  const { headers, body } = await called(
    { baggage: `tenant=${secret}`, tracestate: `acme=${secret}`, traceparent },
    { baggage: `tenant=${secret}`, tracestate: `acme=${secret}`, traceparent },
  )
  assert.ok(!body.includes(secret))
  assert.ok(!JSON.stringify(headers).includes(secret))
  assert.equal(headers.baggage, undefined)
  assert.equal(headers.tracestate, undefined)
})

test('of baggage, only the keys named for a server reach it, and no others', async () => {
  const other = RawClient.of(client.agent, client.task, '/mcp/partner')
  await other.initialize()
  const { meta } = await called(
    { baggage: 'tenant=north,user=alice', tracestate: 'acme=1,rojo=2', traceparent },
    { baggage: 'tenant=header' },
    partner,
    other,
  )
  assert.equal(meta.baggage, 'tenant=north')
  assert.equal(meta.tracestate, 'acme=1')
})

test('a malformed traceparent is not passed on', async () => {
  for (const bad of [
    '00-evil',
    `ff-${THEIRS.trace}-${THEIRS.span}-01`,
    `00-${'0'.repeat(32)}-${THEIRS.span}-01`,
  ]) {
    const { meta, headers } = await called({ traceparent: bad }, { traceparent: bad })
    assert.match(meta.traceparent, PARENT)
    assert.ok(!meta.traceparent.includes(THEIRS.span))
    assert.equal(headers.traceparent, meta.traceparent)
    assert.ok(!meta.traceparent.includes('0'.repeat(32)))
  }
})

test('an agent cannot forge the trace of another agent’s calls', async () => {
  const traceId = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'
  const own = await called({ traceparent: `00-${traceId}-${THEIRS.span}-01` }, {})
  const [, , seen] = PARENT.exec(own.meta.traceparent) ?? []
  // Another agent learned, from a server it works with, under which spans the gateway made that call.
  await using mallory = await RawClient.open(await gateway.enrol('mallory'), 'work', '/mcp/outside')
  await mallory.initialize()
  await called({ traceparent: `00-${traceId}-${seen}-01` }, {}, outside, mallory)
  const [first, second] = await callsOf(traceId)
  assert.ok(first?.trace && second?.trace)
  assert.notEqual(first.actor.agent, second.actor.agent)
  assert.equal(new Set([first.trace.span, second.trace.span, seen, THEIRS.span]).size, 4)
  const ended = (await entriesOf(gateway)).filter((entry) => entry.type === 'call.outcome')
  const leases = (await entriesOf(gateway)).filter((entry) => entry.type === 'lease.opened')
  const opened = leases.find((entry) => entry.task === mallory.task)
  assert.match(
    opened?.trace?.span ?? '',
    /^[0-9a-f]{16}$/,
    'the credential is not traced to the call that needed it',
  )
  for (const intent of [first, second])
    assert.deepEqual(ended.find((entry) => entry.data.call === intent.data.call)?.trace, intent.trace)
})

test('a stranger’s trace is not continued, not even in the record of the denial', async () => {
  const traceId = 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb'
  const answer = await fetch(`${gateway.url}/mcp/outside`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: 'DPoP not-a-token',
      traceparent: `00-${traceId}-${THEIRS.span}-01`,
    },
    body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
  })
  assert.equal(answer.status, 401)
  assert.deepEqual(
    (await entriesOf(gateway)).filter((entry) => entry.trace?.id === traceId),
    [],
  )
})

test('a child process gets the trace, and the log says when it ran, for which task and call', async () => {
  const traceId = 'cccccccccccccccccccccccccccccccc'
  const meta = { traceparent: `00-${traceId}-${THEIRS.span}-01`, baggage: 'a=1' }
  const own = await RawClient.open(await gateway.enrol('bot'), 'work', '/mcp/child')
  const { json, headers } = await own.post({
    method: 'initialize',
    params: {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'raw', version: '1' },
      _meta: meta,
    },
  })
  assert.ok(json.result)
  own.session = headers['mcp-session-id']
  await own.post({ method: 'notifications/initialized' }, { id: undefined })
  const answer = await own.post({
    method: 'tools/call',
    params: { name: 'meta', arguments: {}, _meta: meta },
  })
  const got = JSON.parse(answer.json.result.content[0].text)
  assert.match(got.traceparent, new RegExp(`^00-${traceId}-`))
  assert.equal(got.baggage, undefined)
  await own.agent.closeTask(own.task)
  await own[Symbol.asyncDispose]()
  const runs = async () =>
    (await entriesOf(gateway)).filter((entry) => entry.type.startsWith('process.') && entry.task === own.task)
  while ((await runs()).length < 2) await new Promise(setImmediate)
  const [started, ended] = await runs()
  assert.equal(started?.type, 'process.started')
  assert.equal(started?.trace?.id, traceId)
  assert.equal(ended?.type, 'process.ended')
  assert.equal(ended?.data.process, started?.data.process)
  assert.ok('code' in ended.data)
})

test('one request for several servers is one trace, under a span for each', async () => {
  const all = RawClient.of(client.agent, client.task, '/mcp')
  await all.initialize()
  await all.post({ method: 'tools/list', params: {} })
  const sent = ({ requests }: ToolServer) =>
    PARENT.exec(JSON.parse(requests.at(-1)?.body ?? '').params._meta.traceparent) ?? []
  const [, first, oneSpan] = sent(outside)
  const [, second, otherSpan] = sent(partner)
  assert.ok(first)
  assert.equal(first, second)
  assert.notEqual(oneSpan, otherSpan)
})

test('caller, gateway and server meet in one trace, by the official client and the official propagator', async () => {
  const exporter = new InMemorySpanExporter()
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] })
  const propagator = new W3CTraceContextPropagator()
  const span = provider.getTracer('caller').startSpan('plan')
  const meta: Record<string, string> = {}
  propagator.inject(trace.setSpan(ROOT_CONTEXT, span), meta, defaultTextMapSetter)
  await using proxy = await AuthorisingProxy.start(client.agent, client.task)
  const official = new Client({ name: 'official', version: '1' })
  await official.connect(new StreamableHTTPClientTransport(new URL(`${proxy.url}/mcp/outside`)))
  await official.callTool({ name: 'echo', arguments: { text: 'a' }, _meta: meta })
  span.end()
  // What the server, instrumented the same way, takes as the parent of its span.
  const got = JSON.parse(outside.requests.at(-1)?.body ?? '').params._meta
  const remote = trace.getSpanContext(propagator.extract(ROOT_CONTEXT, got, defaultTextMapGetter))
  const [planned] = exporter.getFinishedSpans()
  assert.equal(remote?.traceId, planned?.spanContext().traceId)
  assert.notEqual(remote?.spanId, planned?.spanContext().spanId)
  assert.ok(remote?.isRemote)
  // Without a trace of its own it works as before.
  await official.callTool({ name: 'echo', arguments: { text: 'a' } })
  assert.match(JSON.parse(outside.requests.at(-1)?.body ?? '').params._meta.traceparent, PARENT)
  await official.close()
  await provider.shutdown()
})
