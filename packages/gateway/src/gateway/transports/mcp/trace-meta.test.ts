import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readMessage } from './message.ts'
import { withTraceMeta } from './trace-meta.ts'

const OWN = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const THEIRS = '00-12345678901234567890123456789012-1234567890123456-01'
const NOTHING = { baggage: [], tracestate: [] }
const sent = (text: string, shown: Parameters<typeof withTraceMeta>[3] = NOTHING) =>
  withTraceMeta(text, readMessage(JSON.parse(text)), OWN, shown)

test('an agent cannot smuggle baggage past the gateway: its own context is taken out, every other byte stays', () => {
  const call = (meta: string) =>
    `{"jsonrpc":"2.0", "id":1,"method":"tools/call","params":{"name":"a","arguments":{"n":1.0e0},"_meta":{${meta}}}}`
  assert.equal(
    sent(call(`"progressToken":1 , "baggage":"a=secret","traceparent":"${THEIRS}","tracestate":"a=secret"`)),
    call(`"progressToken":1 , "traceparent":"${OWN}"`),
  )
  assert.equal(sent(call('"baggage":{"not":"text"}')), call(`"traceparent":"${OWN}"`))
  assert.equal(sent(call('"tracestate":"a=1" ,\n "x":2')), call(`"traceparent":"${OWN}","x":2`))
  // A key spelled with escapes is the same key.
  assert.equal(sent(call('"b\\u0061ggage":"a=secret"')), call(`"traceparent":"${OWN}"`))
})

test('a malformed traceparent is not passed on, nor what came with it', () => {
  const text = `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{"traceparent":"00-evil","tracestate":"a=1"}}}`
  const shown = { baggage: [], tracestate: ['a'] }
  assert.deepEqual(JSON.parse(sent(text, shown)).params._meta, { traceparent: OWN })
})

test('keys that the operator named for this server are passed on, others are not', () => {
  const text = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: {
      _meta: { traceparent: THEIRS, baggage: 'tenant=a;p=1,user=alice', tracestate: 'x=1,y=2' },
    },
  })
  assert.deepEqual(JSON.parse(sent(text, { baggage: ['tenant'], tracestate: ['y'] })).params._meta, {
    traceparent: OWN,
    baggage: 'tenant=a;p=1',
    tracestate: 'y=2',
  })
})

test('a request keeps its shape: one without parameters gets none', () => {
  const ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
  assert.equal(sent(ping), ping)
  assert.equal(
    sent('{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":1}}'),
    `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{"traceparent":"${OWN}"},"x":1}}`,
  )
})

test('notifications and replies lose the context of the client and get none', () => {
  const meta = { traceparent: THEIRS, baggage: 'a=1', kept: true }
  const told = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { _meta: meta } }
  assert.deepEqual(JSON.parse(sent(JSON.stringify(told))).params._meta, { kept: true })
  const reply = { jsonrpc: '2.0', id: 1, result: { _meta: meta, roots: [] } }
  assert.deepEqual(JSON.parse(sent(JSON.stringify(reply))).result, { _meta: { kept: true }, roots: [] })
})

test('whatever else stands in `_meta`, wherever, is what the server gets', () => {
  const key = fc.oneof(
    fc.constantFrom('traceparent', 'tracestate', 'baggage'),
    fc.string({ maxLength: 6 }).filter((name) => name !== '__proto__'),
  )
  fc.assert(
    fc.property(
      fc.dictionary(key, fc.jsonValue({ maxDepth: 2 })),
      fc.constantFrom(0, 1, 2),
      (meta, blanks) => {
        const message = {
          jsonrpc: '2.0',
          id: 1,
          method: 'tools/call',
          params: { name: 'a', _meta: meta, z: [1] },
        }
        const { traceparent: _, tracestate: __, baggage: ___, ...rest } = JSON.parse(JSON.stringify(meta))
        assert.deepEqual(JSON.parse(sent(JSON.stringify(message, null, blanks))), {
          ...message,
          params: { ...message.params, _meta: { ...rest, traceparent: OWN } },
        })
      },
    ),
  )
})
