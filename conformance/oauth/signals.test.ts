import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { BrowserSession } from '../support/browser-session.ts'
import type { GuardedGateway } from '../support/gateway.ts'
import { RawClient, startGuarded } from '../support/gateway.ts'
import { ToolServer } from '../support/tool-server.ts'
import { WorkloadIssuer } from '../support/workload-issuer.ts'

const CAEP = 'https://schemas.openid.net/secevent/caep/event-type/'
const RISC = 'https://schemas.openid.net/secevent/risc/event-type/'
const SPONSOR = 'dr-lee@example.org'

let gateway: GuardedGateway
let provider: WorkloadIssuer
let other: WorkloadIssuer
let tools: ToolServer
const received: string[] = []
let receiverStatus = 202
const receiver = createServer((req, res) => {
  let body = ''
  req.setEncoding('utf8').on('data', (chunk: string) => {
    body += chunk
  })
  req.on('end', () => {
    if (receiverStatus === 202) received.push(body)
    res.writeHead(receiverStatus).end()
  })
})

before(async () => {
  await new Promise<void>((ready) => receiver.listen(0, '127.0.0.1', ready))
  provider = await WorkloadIssuer.start()
  other = await WorkloadIssuer.start()
  tools = await ToolServer.start()
  gateway = await startGuarded({
    servers: { files: { url: tools.url, reverify: '1h' } },
    tasks: { work: { purpose: 'Test', agents: ['*'], tools: { 'files/echo': {} } } },
    trust: { other: { issuer: other.url, agents: {} } },
    signals: {
      receive: { idp: { issuer: provider.url } },
      send: [
        {
          audience: 'https://ehr.internal',
          endpoint: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/events`,
        },
      ],
    },
  })
  await gateway.approveAll('files')
})

after(async () => {
  await gateway?.[Symbol.asyncDispose]()
  for (const server of [provider, other, tools]) await server?.[Symbol.asyncDispose]()
  receiver.closeAllConnections()
  receiver.close()
})

const event = (type: string, person: string, change: object = {}, header: object = {}) =>
  provider.token(
    gateway.url,
    {
      sub: undefined,
      exp: undefined,
      sub_id: { format: 'email', email: person },
      events: { [type]: {} },
      ...change,
    },
    { typ: 'secevent+jwt', ...header },
  )

async function push(set: string, type = 'application/secevent+jwt') {
  const response = await fetch(`${gateway.url}/ssf/events`, {
    method: 'POST',
    headers: { 'content-type': type },
    body: set,
  })
  const text = await response.text()
  return {
    status: response.status,
    err: text === '' ? undefined : (JSON.parse(text) as { err?: string }).err,
  }
}

test('a person who is signed out elsewhere has no session here, at the next request', async () => {
  const browser = new BrowserSession(gateway)
  await browser.signIn('ann@example.org', ['viewer'])
  assert.equal((await browser.fetch('/control/status')).status, 200)
  assert.equal((await push(await event(`${CAEP}session-revoked`, 'ann@example.org'))).status, 202)
  assert.equal((await browser.fetch('/control/status')).status, 401)
})

test('a sponsor whose account is disabled answers for nothing new', async () => {
  const stateDir = await gateway.enrol('bot')
  await gateway.control('POST', '/agents/bot/sponsor', { sponsor: SPONSOR })
  await using client = await RawClient.open(stateDir, 'work', '/mcp/files')
  const set = await event(`${RISC}account-disabled`, SPONSOR)
  assert.equal((await push(set)).status, 202)
  await assert.rejects(client.agent.openTask({ template: 'work' }), { code: 'AGENT_SPONSOR_LEFT' })
  await gateway.control('POST', '/agents/bot/sponsor', { sponsor: 'new@example.org' })
  // The same event again is no new event.
  assert.equal((await push(set)).status, 202)
  await client.agent.openTask({ template: 'work' })
})

test('nobody but the transmitter can say that a person is gone', async () => {
  const type = `${RISC}account-disabled`
  await gateway.control('POST', '/agents', { name: 'safe', sponsor: 'safe@example.org' })
  const now = Math.floor(Date.now() / 1000)
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const claims = {
    iss: provider.url,
    aud: gateway.url,
    iat: now,
    jti: 'forged-1',
    sub_id: { format: 'email', email: 'safe@example.org' },
    events: { [type]: {} },
  }
  const hs = `${encode({ alg: 'HS256', typ: 'secevent+jwt', kid: 'k1' })}.${encode(claims)}`
  const cases: [string, string, string | undefined][] = [
    [
      'another issuer that is trusted for workloads',
      await other.token(gateway.url, claims, { typ: 'secevent+jwt' }),
      'invalid_key',
    ],
    [
      'its own name',
      await other.token(gateway.url, { ...claims, iss: other.url }, { typ: 'secevent+jwt' }),
      'invalid_issuer',
    ],
    ['no signature', `${encode({ alg: 'none', typ: 'secevent+jwt' })}.${encode(claims)}.`, 'invalid_request'],
    [
      'the public key as a secret',
      `${hs}.${createHmac('sha256', JSON.stringify(provider.jwk)).update(hs).digest('base64url')}`,
      'invalid_request',
    ],
    [
      'another audience',
      await event(type, 'safe@example.org', { aud: 'https://else.example' }),
      'invalid_audience',
    ],
    [
      'two audiences',
      await event(type, 'safe@example.org', { aud: [gateway.url, 'https://else.example'] }),
      'invalid_audience',
    ],
    ['an ordinary token', await event(type, 'safe@example.org', {}, { typ: 'JWT' }), 'invalid_request'],
    ['an old event', await event(type, 'safe@example.org', { iat: now - 3600 }), 'invalid_request'],
    ['one from the future', await event(type, 'safe@example.org', { iat: now + 3600 }), 'invalid_request'],
    ['no id', await event(type, 'safe@example.org', { jti: undefined }), 'invalid_request'],
    ['rubbish', 'x.y.z', 'invalid_request'],
  ]
  for (const [what, set, err] of cases) {
    const answer = await push(set)
    assert.deepEqual([answer.status, answer.err], [400, err], what)
  }
  assert.equal((await push(await event(type, 'safe@example.org'), 'application/jwt')).status, 400)
  assert.notEqual((await push('x'.repeat(100_000))).status, 202)
  const { agents } = await gateway.control<{ agents: { name: string }[] }>('GET', '/reviews')
  assert.ok(!agents.some(({ name }) => name === 'safe'))
})

test('an event that is not understood is taken and does nothing', async () => {
  assert.equal((await push(await event(`${CAEP}assurance-level-change`, 'safe@example.org'))).status, 202)
  const { agents } = await gateway.control<{ agents: { name: string }[] }>('GET', '/reviews')
  assert.ok(!agents.some(({ name }) => name === 'safe'))
})

test('receivers learn that a task has ended, from a token they can verify, also when they were away', async () => {
  receiverStatus = 503
  await using client = await RawClient.open(await gateway.enrol('teller'), 'work', '/mcp/files')
  await client.agent.closeTask(client.task)
  await gateway.kill('SIGKILL')
  receiverStatus = 202
  received.length = 0
  await gateway.start()
  while (received.length === 0) await new Promise((next) => setTimeout(next, 20))
  const { payload } = await jwtVerify(
    received[0] ?? '',
    createRemoteJWKSet(new URL(`${gateway.url}/oauth/jwks`)),
    {
      issuer: gateway.url,
      audience: 'https://ehr.internal',
      typ: 'secevent+jwt',
    },
  )
  assert.deepEqual(Object.keys(payload.events as object), [`${CAEP}session-revoked`])
  assert.ok(JSON.stringify(payload.sub_id).includes('tsk_'))
})
