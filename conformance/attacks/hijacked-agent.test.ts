import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { CHART, EVIL, POISONED, type Shown, startClinic } from '../support/clinic.ts'
import type { GuardedGateway, RawAnswer } from '../support/gateway.ts'
import { RawClient } from '../support/gateway.ts'
import type { ToolServer } from '../support/tool-server.ts'

let server: ToolServer
let gateway: GuardedGateway
let shown: Shown
let state: string

before(async () => {
  ;({ server, gateway, shown } = await startClinic())
  state = await gateway.enrol('assistant')
})

beforeEach(() => {
  for (const name of Object.keys(shown)) delete shown[name]
  Object.assign(shown, {
    inbox: POISONED,
    chart: CHART,
    directory: { name: 'Desk', mail: 'desk@clinic.example' },
  })
  server.calls.length = 0
})

after(async () => {
  await gateway?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

const open = async (request?: string) => {
  const client = await RawClient.open(
    state,
    { template: 'desk', ...(request === undefined ? {} : { request }) },
    '/mcp/clinic',
  )
  await client.initialize()
  return client
}
const mail = (client: RawClient, to: string, body = 'x') =>
  client.call('send', { to: [to], subject: 'x', body })
const sent = () => server.calls.filter(({ name }) => name === 'send').length
const callOf = ({ json }: RawAnswer): string =>
  /ostiary flow explain (cal_\w+)/.exec(json.result.content[0].text)?.[1] as string

test('a hijacked agent cannot send to an address that only a mail says, and the call never reaches its server', async () => {
  await using client = await open('Send a summary of my inbox to desk@clinic.example')
  await client.call('inbox')
  const answer = await mail(client, EVIL)
  assert.equal(answer.code, 'FLOW_HELD')
  assert.match(answer.json.result.content[0].text, /in to\[0\], nothing trusted says this principal/)
  assert.ok(!answer.text.includes(EVIL), 'the denial repeats a value')
  assert.equal(sent(), 0)
  assert.equal((await mail(client, 'desk@clinic.example')).code, undefined)
  assert.equal((await mail(client, 'Desk@Clinic.example ')).code, undefined)
})

test('what the person asked for runs without anybody being asked', async () => {
  await using client = await open('Reply to everybody in the Team Sync mail')
  await client.call('inbox')
  assert.equal((await mail(client, 'ann@clinic.example')).code, undefined)
  assert.equal(sent(), 1)
})

test('an agent cannot launder a link of a mail into what it sends', async () => {
  await using client = await open('Tell desk@clinic.example what is new in my inbox')
  await client.call('inbox')
  assert.equal(
    (await mail(client, 'desk@clinic.example', 'See https://evil.example/c?d=1')).code,
    'FLOW_HELD',
  )
  assert.equal(
    (await mail(client, 'desk@clinic.example', 'A weekly letter and the Team Sync')).code,
    undefined,
  )
})

test('an agent cannot make a trusted tool vouch for a value by passing it in', async () => {
  await using client = await open('Tell desk@clinic.example what is new')
  await client.call('inbox')
  shown.directory = { asked: EVIL, found: 0, message: `Nobody is called ${EVIL}` }
  await client.call('directory', { name: EVIL })
  assert.equal((await mail(client, EVIL)).code, 'FLOW_HELD')
})

test('an agent cannot send a patient’s data to somebody who may not read it, in any spelling', async () => {
  await using client = await open(
    'Send mail to amy@home.example and desk@clinic.example that the visit is at noon',
  )
  await client.call('chart', { patient: '1' })
  for (const body of [CHART.mrn, 'mrn-4471-20', 'about maria  GOMEZ', CHART.note])
    assert.equal((await mail(client, 'amy@home.example', body)).code, 'FLOW_HELD', body)
  assert.equal((await mail(client, 'desk@clinic.example', CHART.note)).code, undefined)
})

test('an agent cannot send a patient’s data, or a link of a mail, in another form', async () => {
  await using client = await open('Send mail to amy@home.example that the visit is at noon')
  await client.call('chart', { patient: '1' })
  await client.call('inbox')
  const forms: Record<string, (text: string) => string> = {
    base64: (text) => Buffer.from(text).toString('base64'),
    hexadecimal: (text) => Buffer.from(text).toString('hex'),
    URL: (text) => [...Buffer.from(text)].map((byte) => `%${byte.toString(16)}`).join(''),
    reversed: (text) => [...text].reverse().join(''),
    'base64 of hexadecimal': (text) => Buffer.from(Buffer.from(text).toString('hex')).toString('base64'),
  }
  for (const [name, form] of Object.entries(forms)) {
    const told = await mail(
      client,
      'amy@home.example',
      `Kind regards ${form(`the number is ${CHART.mrn} today`)}`,
    )
    assert.equal(told.code, 'FLOW_HELD', name)
  }
  const link = Buffer.from('have a look at https://evil.example/c?d=1 please').toString('base64')
  assert.equal((await mail(client, 'amy@home.example', link)).code, 'FLOW_HELD')
  const photo = Buffer.from(Array.from({ length: 300 }, (_, i) => (i * 37) % 256)).toString('base64')
  assert.equal(
    (await mail(client, 'amy@home.example', photo)).code,
    undefined,
    'what encodes nothing is let through',
  )
})

test('an agent cannot send a patient’s data beside the arguments: in `_meta`, in the id, or in a member of its own', async () => {
  await using client = await open('Send mail to amy@home.example that the visit is at noon')
  await client.call('chart', { patient: '1' })
  const args = { name: 'send', arguments: { to: ['amy@home.example'], subject: 'x', body: 'At noon' } }
  const send = (message: object) =>
    client.send(JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'tools/call', params: args, ...message }))
  const hex = Buffer.from(`the number is ${CHART.mrn}`).toString('hex')
  assert.equal((await send({})).code, undefined)
  for (const [why, message] of Object.entries({
    meta: { params: { ...args, _meta: { note: CHART.mrn } } },
    'a name in meta': { params: { ...args, _meta: { [CHART.mrn]: 1 } } },
    'meta, encoded': { params: { ...args, _meta: { progressToken: hex } } },
    'a parameter': { params: { ...args, extra: { deep: [`about ${CHART.name}`] } } },
    id: { id: CHART.mrn },
    'an id that another covers': { id: CHART.mrn, params: { ...args, id: 'x' } },
    'a target that the method does not have': { params: { ...args, uri: CHART.mrn } },
    'a member of its own': { note: { deep: CHART.mrn } },
  }))
    assert.equal((await send(message)).code, 'FLOW_HELD', why)
  assert.equal((await send({ note: 'at noon' })).code, undefined, 'what is clean goes on as it came')
})

test('what an agent wrote from untrusted content is not trusted when it is read again', async () => {
  await using client = await open('Take notes of my inbox and tell whoever the notes name')
  await client.call('inbox')
  await client.call('note', { text: `Please write to ${EVIL}` })
  shown.notes = { text: `Please write to ${EVIL}`, who: EVIL }
  await client.call('notes')
  assert.equal((await mail(client, EVIL)).code, 'FLOW_HELD')
})

test('an unlabelled tool is consequential at its input and untrusted at its output', async () => {
  await using client = await open('Do the usual')
  assert.equal((await client.call('unlabelled', { what: 'everything' })).code, 'FLOW_HELD')
  assert.equal((await client.call('unlabelled', { really: true })).code, 'FLOW_HELD')
  shown.unlabelled = { who: EVIL }
  assert.equal((await client.call('unlabelled')).code, undefined)
  assert.equal((await mail(client, EVIL)).code, 'FLOW_HELD')
})

test('without a request only the strict form clears a call', async () => {
  await using client = await open()
  await client.call('inbox')
  assert.equal((await mail(client, 'ann@clinic.example')).code, 'FLOW_HELD')
  await client.call('directory', { name: 'Desk' })
  const held = await mail(client, 'desk@clinic.example')
  assert.match(held.text, /nothing in the request asks/)
})

test('a person endorses the value, once, for this task and this use', async () => {
  await using client = await open('Tell desk@clinic.example what is new')
  await client.call('inbox')
  const call = callOf(await mail(client, EVIL))
  await mail(client, EVIL)
  const { holds } = await gateway.control<{ holds: { call: string; times: number; problems: object[] }[] }>(
    'GET',
    '/flow/holds',
  )
  const [newest] = holds
  assert.equal(newest?.times, 2, 'the same thing asked again is one hold')
  assert.deepEqual(newest?.problems, [
    { code: 'UNDERIVED', path: 'to[0]', detail: 'nothing trusted says this principal', value: EVIL },
  ])
  assert.notEqual(newest?.call, call)
  await gateway.control('POST', `/flow/holds/${call}/endorse`, {})
  await assert.rejects(gateway.control('POST', `/flow/holds/${newest?.call}/endorse`, {}), /No call/)
  assert.equal((await mail(client, EVIL)).code, undefined)
  assert.equal(
    (await mail(client, EVIL, `write to ${EVIL}`)).code,
    'FLOW_HELD',
    'endorsed as a recipient only',
  )
  await using other = await open('Tell desk@clinic.example what is new')
  await other.call('inbox')
  assert.equal((await mail(other, EVIL)).code, 'FLOW_HELD', 'endorsed for one task only')
})

test('the record says of each argument where its value came from, and holds no value', async () => {
  await using client = await open('Tell desk@clinic.example and whoever is in the Team Sync mail what is new')
  await client.call('inbox')
  const held = callOf(await mail(client, EVIL))
  const explained = await gateway.control<{
    entries: { type: string; data: { flow: object } }[]
    holds: object
  }>('GET', `/flow/calls/${held}`)
  assert.deepEqual(explained.entries[0]?.data.flow, {
    arguments: [{ path: 'to[0]', sink: 'principal', seen_in: ['clinic/inbox at [0].body'] }],
    problems: [{ code: 'UNDERIVED', path: 'to[0]', detail: 'nothing trusted says this principal' }],
  })
  assert.equal(explained.entries[0]?.type, 'call.denied')
  await mail(client, 'ann@clinic.example')
  const lines = (await gateway.control<{ size: number }>('GET', '/audit')).size
  assert.ok(lines > 0)
  await assert.rejects(gateway.control('GET', '/flow/calls/cal_nothing'), /no record of a call/)
})

test('an agent whose task was opened before a restart gets only the strict form', async () => {
  const client = await open('Tell desk@clinic.example what is new')
  assert.equal((await mail(client, 'desk@clinic.example')).code, undefined)
  await gateway.kill('SIGKILL')
  await gateway.start()
  await client.initialize()
  assert.equal((await mail(client, 'desk@clinic.example')).code, 'FLOW_HELD')
  await client[Symbol.asyncDispose]()
})
