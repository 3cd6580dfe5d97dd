import assert from 'node:assert/strict'
import type { webcrypto } from 'node:crypto'
import { hash, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { getRequestListener } from '@hono/node-server'
import * as client from 'openid-client'
import type { LogEvent } from '../../model/evidence.ts'
import { AuditUnavailable } from '../../model/evidence.ts'
import { refuse } from '../../model/refusal.ts'
import { localBus } from '../../store/local-bus.ts'
import type { Store } from '../../store/store.ts'
import type { TestStore } from '../../store/testing.ts'
import { sqliteStore } from '../../store/testing.ts'
import { Agents } from '../agents.ts'
import { Enrolment } from '../enrolment.ts'
import { Instances, OVERLAP_MS } from '../instances.ts'
import { readJwk } from '../jws.ts'
import { ReplayWindow } from '../replay.ts'
import type { TestKey } from '../testing.ts'
import { confusedJws, proofBy, proofClaims, signJws, testKey } from '../testing.ts'
import { hashToken, Tokens } from '../tokens.ts'
import type { TaskAndGrant, TaskDesk } from './context.ts'
import { authorizationServer } from './index.ts'

const by = { kind: 'operator', operator: 'alice' } as const
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

let place: TestStore
let store: Store
let server: Server
let issuer: string
let now = Date.now()
let logFails = false
let agents: Agents
let instances: Instances
let enrolment: Enrolment
let tokens: Tokens
/** Tasks as this room sees them: `tsk_of_<instance>` is open and that instance's. */
const tasks: TaskDesk = {
  live: (id) => (id.startsWith('tsk_of_') ? workOf(id) : undefined),
  describe: async (id) => (id.startsWith('tsk_of_') ? workOf(id) : undefined),
  open: async (opener, wish) => workOf(`tsk_of_${opener.instance}`, wish.template),
  delegate: async () => refuse('DELEGATION_TOO_DEEP', { template: 'work' }),
  close: async (id) => workOf(id).task,
}

const workOf = (id: string, template = 'work'): TaskAndGrant => ({
  task: {
    id,
    agent: 'agt',
    instance: id.slice('tsk_of_'.length),
    template,
    purpose: 'Test',
    onBehalfOf: 'alice@example.org',
    vouched: 'sponsor',
    subject: undefined,
    state: 'open',
    end: undefined,
    openedAt: now,
    expiresAt: now + 60_000,
    idleMs: 60_000,
    parent: undefined,
    lineage: `/${id}/`,
    txn: id,
  },
  grant: {
    id: 'grt_1',
    task: id,
    details: [{ kind: 'tool', server: 'files', name: 'read', constraints: {} }],
    budget: { calls: 3 },
    subjectArguments: [],
    costs: {},
    delegable: 0,
    delegates: [],
    parent: undefined,
    expiresAt: now + 60_000,
  },
})

const events: LogEvent[] = []
let bus: ReturnType<typeof localBus>
const bugs: unknown[] = []

before(async () => {
  place = await sqliteStore()
  store = await place.open()
  const clock = { now: () => now }
  const recorder = {
    append: async (event: LogEvent) => {
      if (logFails) throw new AuditUnavailable('the disk is full')
      events.push(event)
      return { index: events.length, leaf: '' }
    },
  }
  bus = localBus()
  const common = { store, recorder, bus, clock }
  tokens = new Tokens({ store, clock })
  enrolment = new Enrolment(common)
  instances = new Instances({ ...common, onRevoked: (instance) => tokens.revoke({ instance }) })
  agents = new Agents({
    ...common,
    onStopped: (agent) => tokens.revoke({ agent }),
    onBearerForbidden: (agent) => tokens.revoke({ bearersOf: agent }),
  })
  server = createServer()
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const replay = new ReplayWindow(180_000)
  const app = authorizationServer({
    issuer,
    clock,
    recorder,
    bus,
    tokens,
    instances,
    enrolment,
    tokenLifetimeMs: 300_000,
    proofWindowMs: 60_000,
    useOnce: (key) => replay.use(key),
    agents,
    tasks,
    onBug: (error) => bugs.push(error),
  })
  server.on('request', getRequestListener(app.fetch, { overrideGlobalObjects: false }))
  await agents.add({ name: 'bot', sponsor: 'alice@example.org', purpose: 'tests' }, by)
})

after(async () => {
  server.closeAllConnections()
  await new Promise((done) => server.close(done))
  await store[Symbol.asyncDispose]()
  await place.dispose()
  assert.deepEqual(bugs, [])
})

interface Answer {
  readonly status: number
  readonly body: Record<string, unknown> & { reason?: { code: string } }
}

async function post(path: string, body: string, headers: Record<string, string>): Promise<Answer> {
  const response = await fetch(issuer + path, { method: 'POST', headers, body })
  const text = await response.text()
  return { status: response.status, body: text === '' ? {} : JSON.parse(text) }
}

const seconds = () => Math.floor(now / 1000)

async function enrolled(agent = 'bot'): Promise<{ id: string; key: TestKey }> {
  const { code } = await enrolment.issue((await agents.require(agent)).id, by)
  const key = testKey()
  const { status, body } = await enrol(key, code)
  assert.equal(status, 201)
  return { id: body.instance as string, key }
}

const enrol = (key: TestKey, code: string, change: object = {}) =>
  post(
    '/v1/enrol',
    JSON.stringify({
      code,
      jwk: key.jwk,
      host: 'test',
      proof: signJws(
        key,
        { typ: 'ostiary-enrol+jwt' },
        {
          aud: issuer,
          iat: seconds(),
          exp: seconds() + 30,
          jti: randomUUID(),
          code_hash: hash('sha256', code, 'base64url'),
          ...change,
        },
      ),
    }),
    { 'content-type': 'application/json' },
  )

const assertionOf = (who: { id: string; key: TestKey }, change: object = {}, header: object = {}) =>
  signJws(
    who.key,
    { typ: 'JWT', ...header },
    {
      iss: who.id,
      sub: who.id,
      aud: issuer,
      iat: seconds(),
      exp: seconds() + 30,
      jti: randomUUID(),
      ...change,
    },
  )

const confusedAssertion = (who: { id: string; key: TestKey }) =>
  confusedJws(
    who.key,
    { typ: 'JWT' },
    { iss: who.id, sub: who.id, aud: issuer, exp: seconds() + 30, jti: randomUUID() },
  )

const proofFor = (key: TestKey, change: object = {}) =>
  proofBy(key, proofClaims({ htu: `${issuer}/oauth/token`, ...change }, now))

function token(
  who: { id: string; key: TestKey },
  change: {
    form?: Record<string, string>
    assertion?: string
    proof?: string
    body?: string
    type?: string
  } = {},
) {
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_assertion_type: ASSERTION_TYPE,
    client_assertion: change.assertion ?? assertionOf(who),
    ...change.form,
  })
  return post('/oauth/token', change.body ?? form.toString(), {
    'content-type': change.type ?? 'application/x-www-form-urlencoded',
    ...(change.proof === '' ? {} : { dpop: change.proof ?? proofFor(who.key) }),
  })
}

const codeOf = ({ body }: Answer) => body.reason?.code

test('an independent client discovers the server and gets a token with its own library', async () => {
  // The client has a clock of its own.
  now = Date.now()
  const who = await enrolled()
  const { subtle } = globalThis.crypto
  const pair = (extractable: boolean) =>
    subtle.importKey(
      'jwk',
      who.key.privateKey.export({ format: 'jwk' }),
      { name: 'ECDSA', namedCurve: 'P-256' },
      extractable,
      ['sign'],
    )
  const publicKey = await subtle.importKey(
    'jwk',
    who.key.jwk as webcrypto.JsonWebKey,
    { name: 'ECDSA', namedCurve: 'P-256' },
    true,
    ['verify'],
  )
  const config = await client.discovery(
    new URL(issuer),
    who.id,
    undefined,
    client.PrivateKeyJwt(await pair(false), {
      [client.modifyAssertion]: (_header, payload) => {
        payload.iat = payload.nbf = seconds()
        payload.exp = seconds() + 30
      },
    }),
    { algorithm: 'oauth2', execute: [client.allowInsecureRequests] },
  )
  const DPoP = client.getDPoPHandle(config, { privateKey: await pair(false), publicKey })
  const granted = await client.clientCredentialsGrant(config, {}, { DPoP })
  assert.equal(granted.token_type, 'dpop')
  assert.match(granted.access_token, /^ost_/)
  assert.equal(granted.expires_in, 300)
})

test('a token is for the task it was asked for, and ends with it', async () => {
  const who = await enrolled()
  const details = (task: string) => ({
    authorization_details: JSON.stringify([{ type: 'urn:ostiary:task:v1', task }]),
  })
  const { body } = await token(who, { form: details(`tsk_of_${who.id}`) })
  assert.equal(body.expires_in, 60)
  const session = await tokens.resolve(hashToken(body.access_token as string))
  assert.deepEqual([session?.task, session?.principal.jkt], [`tsk_of_${who.id}`, who.key.jkt])
  assert.equal(codeOf(await token(who, { form: details('tsk_of_another') })), 'TASK_UNKNOWN')
  assert.equal(codeOf(await token(who, { form: details('tsk_none') })), 'TASK_UNKNOWN')
})

test('an assertion that is not exactly right gets no token', async () => {
  const who = await enrolled()
  const other = await enrolled()
  const cases: readonly (readonly [string, string, string])[] = [
    ['for another server', assertionOf(who, { aud: 'https://evil.example' }), 'ASSERTION_INVALID'],
    ['for several servers', assertionOf(who, { aud: [issuer, 'https://evil.example'] }), 'ASSERTION_INVALID'],
    [
      'for the endpoint, not the issuer',
      assertionOf(who, { aud: `${issuer}/oauth/token` }),
      'ASSERTION_INVALID',
    ],
    ['without an audience', assertionOf(who, { aud: undefined }), 'ASSERTION_INVALID'],
    ['that has expired', assertionOf(who, { exp: seconds() - 31 }), 'ASSERTION_INVALID'],
    ['that lives for long', assertionOf(who, { exp: seconds() + 3600 }), 'ASSERTION_INVALID'],
    ['that does not expire', assertionOf(who, { exp: undefined }), 'ASSERTION_INVALID'],
    ['from the future', assertionOf(who, { iat: seconds() + 60 }), 'ASSERTION_INVALID'],
    ['without an id', assertionOf(who, { jti: undefined }), 'ASSERTION_INVALID'],
    ['about another subject', assertionOf(who, { sub: other.id }), 'ASSERTION_INVALID'],
    ['in the name of another', assertionOf({ id: other.id, key: who.key }), 'ASSERTION_INVALID'],
    ['of an instance that is not there', assertionOf({ id: 'ins_none', key: who.key }), 'ASSERTION_INVALID'],
    [
      'without a signature',
      `${assertionOf(who, {}, { alg: 'none' }).split('.').slice(0, 2).join('.')}.`,
      'ASSERTION_INVALID',
    ],
    ['that is no JWT', 'x', 'ASSERTION_INVALID'],
    ['that takes the public key for a shared secret', confusedAssertion(who), 'ASSERTION_INVALID'],
    ['that is a proof', assertionOf(who, {}, { typ: 'dpop+jwt' }), 'ASSERTION_INVALID'],
    ['that registers a key', assertionOf(who, {}, { typ: 'ostiary-key+jwt' }), 'ASSERTION_INVALID'],
    ['whose type is no text', assertionOf(who, {}, { typ: ['JWT'] }), 'ASSERTION_INVALID'],
    ['with critical extensions', assertionOf(who, {}, { crit: ['x'], x: 1 }), 'ASSERTION_INVALID'],
    ['not valid yet', assertionOf(who, { nbf: seconds() + 60 }), 'ASSERTION_INVALID'],
    ['for nobody', assertionOf(who, { aud: [] }), 'ASSERTION_INVALID'],
    ['for the issuer twice', assertionOf(who, { aud: [issuer, issuer] }), 'ASSERTION_INVALID'],
    ['for the issuer in a list in a list', assertionOf(who, { aud: [[issuer]] }), 'ASSERTION_INVALID'],
    [
      'for an address that starts like the issuer',
      assertionOf(who, { aud: `${issuer}.evil` }),
      'ASSERTION_INVALID',
    ],
    ['whose end is text', assertionOf(who, { exp: String(seconds() + 30) }), 'ASSERTION_INVALID'],
    ['with a short id', assertionOf(who, { jti: 'short' }), 'ASSERTION_INVALID'],
  ]
  for (const [what, assertion, code] of cases) {
    const answer = await token(who, { assertion })
    assert.equal(codeOf(answer), code, what)
    assert.equal(answer.body.access_token, undefined)
  }
  assert.equal((await token(who)).status, 200)
})

test('clocks may differ by half a minute, either way, and by no more', async () => {
  const who = await enrolled()
  const at = seconds()
  for (const [change, code] of [
    [{ exp: at - 29 }, undefined],
    [{ exp: at - 30 }, 'ASSERTION_INVALID'],
    [{ exp: at + 90 }, undefined],
    [{ exp: at + 91 }, 'ASSERTION_INVALID'],
    [{ iat: at + 30 }, undefined],
    [{ iat: at + 31 }, 'ASSERTION_INVALID'],
    [{ nbf: at + 30 }, undefined],
    [{ nbf: at + 31 }, 'ASSERTION_INVALID'],
  ] as const) {
    const answer = await token(who, { assertion: assertionOf(who, change) })
    assert.equal(answer.status === 200 ? undefined : codeOf(answer), code, JSON.stringify(change))
  }
})

test('an oversized or nested assertion is refused before its signature is looked at', async () => {
  const who = await enrolled()
  for (const assertion of [
    assertionOf(who, { padding: 'x'.repeat(8192) }),
    assertionOf(who, { padding: JSON.parse(`${'['.repeat(1000)}${']'.repeat(1000)}`) }),
    `${assertionOf(who)}.${assertionOf(who)}`,
    Buffer.from(assertionOf(who)).toString('base64url'),
  ])
    assert.equal(codeOf(await token(who, { assertion })), 'ASSERTION_INVALID')
})

test('an assertion and a proof are each good once', async () => {
  const who = await enrolled()
  const assertion = assertionOf(who)
  assert.equal((await token(who, { assertion })).status, 200)
  assert.equal(codeOf(await token(who, { assertion })), 'ASSERTION_REPLAYED')
  const proof = proofFor(who.key)
  assert.equal((await token(who, { proof })).status, 200)
  assert.equal(codeOf(await token(who, { proof })), 'PROOF_REPLAYED')
})

test('a one-element audience, no type, and the type of the newer draft are as good', async () => {
  const who = await enrolled()
  for (const [change, header] of [
    [{ aud: [issuer] }, {}],
    [{}, { typ: undefined }],
    [{}, { typ: 'client-authentication+jwt' }],
  ]) {
    assert.equal((await token(who, { assertion: assertionOf(who, change, header) })).status, 200)
  }
})

test('an assertion is good once for as long as it would be good, on clocks that differ', async () => {
  const who = await enrolled()
  const assertion = assertionOf(who, { exp: seconds() + 89 })
  assert.equal((await token(who, { assertion })).status, 200)
  now += 118_000
  assert.equal(codeOf(await token(who, { assertion })), 'ASSERTION_REPLAYED')
  now += 2000
  assert.equal(codeOf(await token(who, { assertion })), 'ASSERTION_INVALID')
})

test('no token is bound to a stranger’s key, and none is issued without a proof', async () => {
  const who = await enrolled()
  assert.equal(codeOf(await token(who, { proof: proofFor(testKey()) })), 'PROOF_KEY_MISMATCH')
  assert.equal(codeOf(await token(who, { proof: '' })), 'PROOF_MISSING')
  assert.equal(
    codeOf(await token(who, { proof: proofFor(who.key, { htu: `${issuer}/oauth/revoke` }) })),
    'PROOF_TARGET_MISMATCH',
  )
})

test('requests that could be read in two ways are refused', async () => {
  const who = await enrolled()
  const form = `grant_type=client_credentials&client_assertion_type=${encodeURIComponent(ASSERTION_TYPE)}&client_assertion=${assertionOf(who)}`
  assert.equal(
    codeOf(await token(who, { body: `${form}&client_assertion=${assertionOf(who)}` })),
    'REQUEST_MALFORMED',
  )
  assert.equal(codeOf(await token(who, { body: '{}', type: 'application/json' })), 'REQUEST_MALFORMED')
  assert.equal(
    codeOf(await token(who, { form: { grant_type: 'authorization_code' } })),
    'GRANT_TYPE_UNSUPPORTED',
  )
  assert.equal(codeOf(await token(who, { form: { client_id: 'ins_other' } })), 'ASSERTION_INVALID')
  assert.equal(codeOf(await token(who, { form: { resource: 'https://evil.example/' } })), 'RESOURCE_UNKNOWN')
  assert.equal(codeOf(await token(who, { body: `x=${'y'.repeat(17_000)}` })), 'REQUEST_TOO_LARGE')
  for (const details of [
    'x',
    '{}',
    '[]',
    '[{"type":"other","task":"t"}]',
    '[{"type":"urn:ostiary:task:v1"},{}]',
  ]) {
    const answer = await token(who, { form: { authorization_details: details } })
    assert.equal(answer.status, 400, details)
  }
})

test('a token is nowhere in the store, only its hash', async () => {
  const { body } = await token(await enrolled())
  const value = body.access_token as string
  await store.db.selectFrom('tokens').selectAll().execute()
  for (const suffix of ['', '-wal']) {
    const bytes = readFileSync(place.location + suffix)
    assert.ok(!bytes.includes(value), `state.sqlite${suffix} holds the token`)
    assert.ok(!bytes.includes(value.slice(4, 40)), `state.sqlite${suffix} holds part of the token`)
  }
})

test('a code enrols once, for ten minutes, and only with the key that proves it', async () => {
  const agent = (await agents.require('bot')).id
  const issue = async () => (await enrolment.issue(agent, by)).code
  const used = await issue()
  assert.equal((await enrol(testKey(), used)).status, 201)
  assert.equal(codeOf(await enrol(testKey(), used)), 'ENROLMENT_CODE_INVALID')
  const raced = await issue()
  const answers = await Promise.all([
    enrol(testKey(), raced),
    enrol(testKey(), raced),
    enrol(testKey(), raced),
  ])
  assert.equal(answers.filter(({ status }) => status === 201).length, 1)
  const lifted = await issue()
  assert.equal(
    codeOf(await enrol(testKey(), lifted, { code_hash: hash('sha256', 'other', 'base64url') })),
    'ASSERTION_INVALID',
  )
  const late = await issue()
  now += 10 * 60_000 + 1
  assert.equal(codeOf(await enrol(testKey(), late)), 'ENROLMENT_CODE_INVALID')
  const typed = await issue()
  const readOut = typed.toLowerCase().replaceAll('-', ' ').replaceAll('0', 'o').replaceAll('1', 'l')
  assert.equal((await enrol(testKey(), readOut)).status, 201)
})

test('an enrolment whose proof is not exactly right leaves the code good for the one it was made for', async () => {
  const { code } = await enrolment.issue((await agents.require('bot')).id, by)
  const key = testKey()
  const body = (proof: string, jwk: object = key.jwk) => JSON.stringify({ code, jwk, proof, host: '' })
  const proof = (change: object = {}, header: object = {}, signer = key) =>
    signJws(
      signer,
      { typ: 'ostiary-enrol+jwt', ...header },
      {
        aud: issuer,
        exp: seconds() + 30,
        jti: randomUUID(),
        code_hash: hash('sha256', code, 'base64url'),
        ...change,
      },
    )
  const cases = {
    'by another key': body(proof({}, {}, testKey())),
    'of another type': body(proof({}, { typ: 'ostiary-key+jwt' })),
    'of no type': body(proof({}, { typ: undefined })),
    'for another gateway': body(proof({ aud: 'https://evil.example' })),
    'that has expired': body(proof({ exp: seconds() - 31 })),
    'with the private key along': body(proof(), key.privateKey.export({ format: 'jwk' })),
    'of a shared secret': body(proof(), { kty: 'oct', k: 'AAAA' }),
  }
  for (const [what, text] of Object.entries(cases)) {
    now += 60_000
    assert.equal(codeOf(await post('/v1/enrol', text, {})), 'ASSERTION_INVALID', what)
  }
  const good = body(proof())
  assert.equal((await post('/v1/enrol', good, {})).status, 201)
  assert.equal(codeOf(await post('/v1/enrol', good, {})), 'ASSERTION_REPLAYED')
})

test('codes cannot be tried out in numbers', async () => {
  now += 60_000
  const codes: (string | undefined)[] = []
  for (let i = 0; i < 32; i++) codes.push(codeOf(await enrol(testKey(), `AAAA-AAAA-${i}`)))
  assert.deepEqual(new Set(codes.slice(0, 30)), new Set(['ENROLMENT_CODE_INVALID']))
  assert.deepEqual(codes.slice(30), ['RATE_LIMITED', 'RATE_LIMITED'])
  now += 60_000
  assert.equal(codeOf(await enrol(testKey(), 'AAAA-AAAA-x')), 'ENROLMENT_CODE_INVALID')
})

test('a code of an agent that was stopped meanwhile enrols nobody', async () => {
  const { id } = await agents.add({ name: 'halted', sponsor: 'alice@example.org', purpose: '' }, by)
  const { code } = await enrolment.issue(id, by)
  await agents.suspend('halted', by)
  assert.equal(codeOf(await enrol(testKey(), code)), 'ENROLMENT_CODE_INVALID')
})

test('what a stranger says of itself cannot rearrange a terminal', async () => {
  const row = await instances.enrol((await agents.require('bot')).id, readJwk(testKey().jwk), {
    host: '\u001b[2Jgood\u202e\nhost',
    method: 'one-time code',
    attested: {},
  })
  assert.equal(row.host, '?[2Jgood??host')
})

test('an agent needs a name that is one and a person who answers for it', async () => {
  const add = (change: object) =>
    agents.add({ name: 'fine', sponsor: 'alice@example.org', purpose: '', ...change }, by)
  for (const change of [
    { name: '' },
    { name: 'Bot' },
    { name: 'a/b' },
    { name: 'x'.repeat(41) },
    { sponsor: '' },
    { sponsor: '  a ' },
    { sponsor: 'alice\nadmin' },
    { sponsor: 'alice\u202e' },
    { purpose: 'a\u001b[2J' },
    { purpose: 'x'.repeat(201) },
  ]) {
    await assert.rejects(add(change), /REQUEST|malformed|`/, JSON.stringify(change))
  }
  await assert.rejects(agents.add({ name: 'bot', sponsor: 'alice@example.org', purpose: '' }, by), {
    name: 'Refusal',
  })
})

test('one key cannot be two instances', async () => {
  const key = testKey()
  const agent = (await agents.require('bot')).id
  assert.equal((await enrol(key, (await enrolment.issue(agent, by)).code)).status, 201)
  assert.equal(codeOf(await enrol(key, (await enrolment.issue(agent, by)).code)), 'KEY_IN_USE')
})

const rotate = async (who: { id: string; key: TestKey }, value: string, next: TestKey, by_ = who.key) => {
  const body = JSON.stringify({
    jwk: next.jwk,
    proof: signJws(
      next,
      { typ: 'ostiary-key+jwt' },
      { aud: issuer, iat: seconds(), exp: seconds() + 60, jti: randomUUID() },
    ),
  })
  const proof = proofBy(
    by_,
    proofClaims(
      {
        htu: `${issuer}/v1/keys`,
        ath: hash('sha256', value, 'base64url'),
        content_digest: `sha-256=:${hash('sha256', body, 'base64')}:`,
      },
      now,
    ),
  )
  return post('/v1/keys', body, {
    'content-type': 'application/json',
    authorization: `DPoP ${value}`,
    dpop: proof,
  })
}

test('after a rotation both keys are good for the overlap, then only the new one', async () => {
  const who = await enrolled()
  const value = (await token(who)).body.access_token as string
  const next = testKey()
  assert.equal((await rotate(who, value, next)).status, 200)
  assert.equal((await token(who)).status, 200)
  assert.equal((await token({ id: who.id, key: next })).status, 200)
  now += OVERLAP_MS + 1
  assert.equal(codeOf(await token(who)), 'ASSERTION_INVALID')
  assert.equal((await token({ id: who.id, key: next })).status, 200)
})

test('a key that is retiring, which may be in other hands, cannot name its successor', async () => {
  const who = await enrolled()
  const value = (await token(who)).body.access_token as string
  assert.equal((await rotate(who, value, testKey())).status, 200)
  assert.equal(codeOf(await rotate(who, value, testKey())), 'PROOF_KEY_MISMATCH')
})

test('a stolen token without the key rotates nothing, and a rotation cannot be sent twice', async () => {
  const who = await enrolled()
  const value = (await token(who)).body.access_token as string
  const thief = testKey()
  assert.equal(codeOf(await rotate(who, value, thief, thief)), 'PROOF_KEY_MISMATCH')
  const other = await enrolled()
  assert.equal(codeOf(await rotate(who, value, other.key)), 'KEY_IN_USE')
  assert.equal(codeOf(await rotate(who, value, who.key)), 'KEY_IN_USE')
  assert.equal((await token(who)).status, 200)
})

test('of rotations at the same moment one wins', async () => {
  const who = await enrolled()
  const value = (await token(who)).body.access_token as string
  const answers = await Promise.all(Array.from({ length: 4 }, () => rotate(who, value, testKey())))
  assert.equal(answers.filter(({ status }) => status === 200).length, 1)
  const known = await instances.find(who.id)
  assert.equal(known?.keys.filter((key) => key.notAfter === undefined).length, 1)
})

test('after a revocation no key of the instance, new or retiring, is of use', async () => {
  const who = await enrolled()
  const value = (await token(who)).body.access_token as string
  const next = testKey()
  assert.equal((await rotate(who, value, next)).status, 200)
  await instances.revoke(who.id, by)
  for (const key of [who.key, next]) {
    const answer = await token({ id: who.id, key })
    assert.notEqual(answer.status, 200)
    assert.equal(answer.body.access_token, undefined)
  }
  assert.equal((await rotate(who, value, testKey())).status, 401)
})

test('a token of a retiring key does not outlive it', async () => {
  const who = await enrolled()
  const value = (await token(who)).body.access_token as string
  assert.equal((await rotate(who, value, testKey())).status, 200)
  now += OVERLAP_MS - 60_000
  const late = await token(who)
  assert.equal(late.body.expires_in, 60)
})

test('who was revoked or suspended learns it, with a proof that it is them, and gets nothing', async () => {
  await agents.add({ name: 'leaver', sponsor: 'alice@example.org', purpose: '' }, by)
  const who = await enrolled('leaver')
  const value = (await token(who)).body.access_token as string
  await agents.suspend('leaver', by)
  assert.equal(codeOf(await token(who)), 'AGENT_SUSPENDED')
  assert.equal((await tokens.resolve(hashToken(value)))?.status.token, 'revoked')
  await agents.resume('leaver', by)
  assert.equal((await token(who)).status, 200)
  await instances.revoke(who.id, by)
  assert.equal(codeOf(await token(who)), 'INSTANCE_REVOKED')
  await agents.revoke('leaver', by)
  assert.equal(codeOf(await token(who)), 'AGENT_REVOKED')
  await assert.rejects(agents.resume('leaver', by), { name: 'Refusal' })
})

test('of an issue and a revocation at the same moment, no live token is left', async () => {
  for (let i = 0; i < 10; i++) {
    const who = await enrolled()
    const [answer] = await Promise.all([token(who), instances.revoke(who.id, by)])
    if (answer.status !== 200) continue
    const session = await tokens.resolve(hashToken(answer.body.access_token as string))
    assert.equal(session?.status.token === 'live' && session.status.instance === 'active', false)
    assert.equal(tokens.inForce(hashToken(answer.body.access_token as string), now), false)
  }
})

test('an instance gives up its own tokens and nobody else’s, and cannot tell whose others are', async () => {
  const who = await enrolled()
  const other = await enrolled()
  const value = (await token(other)).body.access_token as string
  const revoke = (from: typeof who) =>
    post(
      '/oauth/revoke',
      new URLSearchParams({
        token: value,
        client_assertion_type: ASSERTION_TYPE,
        client_assertion: assertionOf(from),
      }).toString(),
      {
        'content-type': 'application/x-www-form-urlencoded',
      },
    )
  assert.equal((await revoke(who)).status, 200)
  assert.ok(tokens.inForce(hashToken(value), now))
  const told: string[] = []
  const unsubscribe = bus.subscribe(
    ({ topic, id }) => void (topic === 'token' && told.push(id)),
    async () => {},
  )
  assert.equal((await revoke(other)).status, 200)
  unsubscribe()
  assert.equal(tokens.inForce(hashToken(value), now), false)
  assert.deepEqual(told, [hashToken(value)], 'other gateways hear of it')
})

test('a key that must be replaced within a day is due at once when an operator says so', async () => {
  const { id } = await enrolled()
  const dueAt = async () => (await instances.find(id))?.keys[0]?.notAfter
  await instances.requireRotation(id, now + 86_400_000, by)
  assert.equal(await dueAt(), now + 86_400_000)
  await instances.requireRotation(id, now + 300_000, by)
  assert.equal(await dueAt(), now + 300_000)
  // A later demand does not give it more time.
  await instances.requireRotation(id, now + 86_400_000, by)
  assert.equal(await dueAt(), now + 300_000)
})

test('an operator who demands a new key of an instance that has none is told so', async () => {
  const agent = await agents.require('bot')
  const { id } = await instances.enrol(
    agent.id,
    { jkt: `bearer:${randomUUID()}`, jwk: '' },
    { host: '', method: 'sign-in', attested: {} },
  )
  await assert.rejects(instances.requireRotation(id, now + 300_000, by), /no key that it could replace/)
})

test('a sponsor who has left is not brought back by naming them again', async () => {
  await agents.add({ name: 'orphan', sponsor: 'gone@example.org', purpose: '' }, by)
  await agents.sponsorLeft('gone@example.org', by)
  await assert.rejects(agents.changeSponsor('orphan', 'Gone@example.org', by), /has left/)
  const orphan = await agents.changeSponsor('orphan', 'stays@example.org', by)
  assert.equal(orphan.sponsor_left_at, null)
})

test('without evidence there is no token', async () => {
  const who = await enrolled()
  logFails = true
  const answer = await token(who)
  logFails = false
  assert.equal(answer.status, 503)
  assert.equal(answer.body.access_token, undefined)
})

test('nothing that was sent or issued is written to the log', async () => {
  const text = JSON.stringify(events)
  assert.ok(!text.includes('ost_'))
  assert.ok(!/[A-Z0-9]{4}-[A-Z0-9]{4}-[A-Z0-9]{4}/.test(text), 'an enrolment code')
  assert.ok(!text.includes('eyJ'), 'a JWT')
})
