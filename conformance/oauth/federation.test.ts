import assert from 'node:assert/strict'
import { createHmac, randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { exportSPKI, generateKeyPair, importJWK, SignJWT } from 'jose'
import { InstanceKey } from '../../packages/agent/src/key.ts'
import { dpopProof } from '../../packages/agent/src/proof.ts'
import { proofBy, proofClaims, signJws, testKey } from '../../packages/gateway/src/identity/testing.ts'
import type { GuardedGateway } from '../support/gateway.ts'
import { startGuarded } from '../support/gateway.ts'
import { WorkloadIssuer } from '../support/workload-issuer.ts'

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const SVID = 'spiffe://example.org/ns/prod/triage'

let gateway: GuardedGateway
let cluster: WorkloadIssuer
let builds: WorkloadIssuer
let mesh: WorkloadIssuer
let flaky: WorkloadIssuer
let dir: string

before(async () => {
  ;[cluster, builds, mesh, flaky] = (await Promise.all([1, 2, 3, 4].map(() => WorkloadIssuer.start()))) as [
    WorkloadIssuer,
    WorkloadIssuer,
    WorkloadIssuer,
    WorkloadIssuer,
  ]
  dir = mkdtempSync(join(tmpdir(), 'ostiary-trust-'))
  writeFileSync(
    join(dir, 'bundle.json'),
    JSON.stringify({ keys: [{ ...mesh.jwk, use: 'jwt-svid' }], spiffe_sequence: 1 }),
  )
  gateway = await startGuarded({
    tasks: { work: { purpose: 'Test', agents: ['*'] } },
    trust: {
      cluster: { issuer: cluster.url, agents: { triage: { sub: 'system:serviceaccount:prod:triage' } } },
      builds: {
        issuer: builds.url,
        jwks: `${builds.url}/jwks`,
        agents: {
          ci: { repository: 'org/repo', sub: { prefix: 'repo:org/repo:' } },
          docs: { repository: 'org/repo', environment: 'docs' },
        },
      },
      mesh: {
        trust_domain: 'example.org',
        bundle: { file: join(dir, 'bundle.json') },
        agents: { triage: { sub: SVID } },
      },
      flaky: { issuer: flaky.url, jwks: `${flaky.url}/jwks`, agents: { triage: { sub: 'workload' } } },
    },
  })
  for (const name of ['triage', 'ci', 'docs'])
    await gateway.control('POST', '/agents', { name, sponsor: 'alice@example.org' })
})

beforeEach(() => {
  flaky.behave = undefined
})

after(async () => {
  await gateway?.[Symbol.asyncDispose]()
  for (const issuer of [cluster, builds, mesh, flaky]) await issuer?.[Symbol.asyncDispose]()
  rmSync(dir, { recursive: true, force: true })
})

interface Answer {
  readonly status: number
  readonly code: string | undefined
  readonly sentence: string | undefined
  readonly body: Record<string, unknown>
}

async function present(
  assertion: string,
  key = InstanceKey.create(),
  more: Record<string, string> = {},
): Promise<Answer> {
  const url = `${gateway.url}/oauth/token`
  const response = await fetch(url, {
    method: 'POST',
    headers: { dpop: dpopProof(key, { method: 'POST', url }) },
    body: new URLSearchParams({ grant_type: JWT_BEARER, assertion, ...more }),
  })
  const body = (await response.json()) as Record<string, unknown> & {
    reason?: { code: string; sentence: string }
  }
  return { status: response.status, code: body.reason?.code, sentence: body.reason?.sentence, body }
}

const TRIAGE = { sub: 'system:serviceaccount:prod:triage' }
const CI = { sub: 'repo:org/repo:ref:refs/heads/main', repository: 'org/repo' }

test('a cluster’s service account, a build and a SPIFFE workload come in without a code, and open a task at once', async () => {
  for (const [token, agent, method] of [
    [await cluster.token(gateway.url, TRIAGE), 'triage', 'oidc:cluster'],
    [await builds.token(gateway.url, CI), 'ci', 'oidc:builds'],
    [await mesh.token(gateway.url, { iss: undefined, sub: SVID }), 'triage', 'spiffe:mesh'],
  ] as const) {
    const details = JSON.stringify([{ type: 'urn:ostiary:task:v1', template: 'work' }])
    const { status, body } = await present(token, undefined, { authorization_details: details })
    assert.equal(status, 200, JSON.stringify(body))
    assert.equal(body.token_type, 'DPoP')
    const { instances } = await gateway.control<{
      instances: { id: string; method: string; attested: string }[]
    }>('GET', `/agents/${agent}`)
    const own = instances.find(({ id }) => id === body.client_id)
    assert.equal(own?.method, method)
    assert.match(own?.attested ?? '', /"sub"/)
  }
})

test('a stolen workload token lets in no second key, and the first key comes back with it', async () => {
  const token = await cluster.token(gateway.url, TRIAGE)
  const key = InstanceKey.create()
  const first = await present(token, key)
  assert.equal(first.status, 200)
  assert.equal((await present(token)).code, 'FEDERATION_INVALID')
  assert.equal((await present(token, key)).body.client_id, first.body.client_id)
})

test('of two keys that come with one token at the same moment one gets in, also with a token of an old acquaintance', async () => {
  const known = InstanceKey.create()
  assert.equal((await present(await cluster.token(gateway.url, TRIAGE), known)).status, 200)
  for (const first of [InstanceKey.create(), known]) {
    const token = await cluster.token(gateway.url, TRIAGE)
    const answers = await Promise.all(
      [first, ...[1, 2, 3].map(() => InstanceKey.create())].map((key) => present(token, key)),
    )
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 401, 401, 401])
  }
  const later = await cluster.token(gateway.url, TRIAGE)
  assert.equal((await present(later, known)).status, 200)
  assert.equal((await present(later)).code, 'FEDERATION_INVALID')
})

test('a workload is let in for no longer than its issuer says, whatever key it holds by then', async () => {
  const key = testKey()
  const post = async (form: Record<string, string>) => {
    const htu = `${gateway.url}/oauth/token`
    const headers = { dpop: proofBy(key, proofClaims({ htu })) }
    const answer = await fetch(htu, { method: 'POST', headers, body: new URLSearchParams(form) })
    return (await answer.json()) as { client_id: string; expires_in: number; reason?: { code: string } }
  }
  const now = () => Math.floor(Date.now() / 1000)
  const vouched = async (exp: number) =>
    post({ grant_type: JWT_BEARER, assertion: await cluster.token(gateway.url, { ...TRIAGE, exp }) })
  // Within what clocks may differ by, so that its end is already over.
  const { client_id } = await vouched(now() - 5)
  const alone = () => {
    const claims = { iss: client_id, sub: client_id, aud: gateway.url, exp: now() + 60, jti: randomUUID() }
    return post({
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: signJws(key, { typ: 'JWT' }, claims),
    })
  }
  assert.equal((await alone()).reason?.code, 'FEDERATION_INVALID')
  const again = await vouched(now() + 40)
  assert.equal(again.client_id, client_id)
  assert.ok(again.expires_in <= 40, 'a token outlives what it was given for')
  assert.ok((await alone()).expires_in <= 40)
})

test('a key of one issuer never verifies a token of another', async () => {
  const forged = await builds.token(gateway.url, { ...TRIAGE, iss: cluster.url })
  assert.equal((await present(forged)).code, 'FEDERATION_INVALID')
  assert.equal((await present(await cluster.token(gateway.url, { sub: SVID }))).code, 'FEDERATION_NO_RULE')
  const svid = await cluster.token(gateway.url, { iss: undefined, sub: SVID })
  assert.equal((await present(svid)).code, 'FEDERATION_INVALID')
  const unknown = await cluster.token(gateway.url, { ...TRIAGE, iss: `${cluster.url}/` })
  assert.equal((await present(unknown)).code, 'FEDERATION_UNTRUSTED')
})

test('a token’s own words about where its key is are never followed', async () => {
  const mallory = await WorkloadIssuer.start('evil')
  try {
    const now = Math.floor(Date.now() / 1000)
    for (const header of [
      { jku: `${mallory.url}/jwks` },
      { x5u: `${mallory.url}/cert` },
      { jwk: { kty: 'EC', crv: 'P-256', x: mallory.jwk.x, y: mallory.jwk.y } },
    ]) {
      const token = await new SignJWT({
        iss: cluster.url,
        ...TRIAGE,
        aud: gateway.url,
        iat: now,
        exp: now + 60,
      })
        .setProtectedHeader({ alg: 'ES256', kid: 'evil', ...(header as object) })
        .sign(mallory.privateKey)
      assert.equal((await present(token)).code, 'FEDERATION_INVALID', JSON.stringify(Object.keys(header)))
    }
    assert.equal(mallory.asked, 0)
  } finally {
    await mallory[Symbol.asyncDispose]()
  }
})

test('no unsigned token passes, and no public key as an HMAC secret', async () => {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const now = Math.floor(Date.now() / 1000)
  const claims = encode({
    iss: cluster.url,
    ...TRIAGE,
    aud: gateway.url,
    iat: now,
    exp: now + 60,
    jti: randomUUID(),
  })
  const pem = await exportSPKI(
    (await importJWK({ ...cluster.jwk }, 'ES256')) as Parameters<typeof exportSPKI>[0],
  )
  for (const secret of [pem, JSON.stringify(cluster.jwk), '']) {
    const input = `${encode({ alg: 'HS256', kid: 'k1' })}.${claims}`
    const token = `${input}.${createHmac('sha256', secret || 'x')
      .update(input)
      .digest('base64url')}`
    assert.equal((await present(token)).code, 'FEDERATION_INVALID')
  }
  for (const alg of ['none', 'None', 'NONE', '']) {
    assert.equal((await present(`${encode({ alg })}.${claims}.`)).code, 'FEDERATION_INVALID', alg)
  }
})

test('a token for somebody else, too old, from the future, too long-lived, of another kind or nested is refused', async () => {
  const now = Math.floor(Date.now() / 1000)
  for (const [change, header] of [
    [{ aud: 'https://other.example' }, {}],
    [{ aud: [gateway.url, 'https://other.example'] }, {}],
    [{ aud: undefined }, {}],
    [{ exp: now - 31 }, {}],
    [{ exp: undefined }, {}],
    [{ iat: now + 60 }, {}],
    [{ nbf: now + 60 }, {}],
    [{ exp: now + 2 * 86_400 }, {}],
    [{ sub: undefined }, {}],
    [{}, { typ: 'at+jwt' }],
    [{}, { typ: 'dpop+jwt' }],
    [{}, { typ: 'secevent+jwt' }],
    [{}, { cty: 'JWT' }],
    [{}, { crit: ['b64'], b64: true }],
    [{ padding: 'x'.repeat(20_000) }, {}],
  ] as const) {
    const token = await cluster.token(gateway.url, { ...TRIAGE, ...change }, header)
    const { status, code } = await present(token)
    assert.ok(
      status === 401 || status === 400 || status === 413,
      `${JSON.stringify([change, header]).slice(0, 80)}: ${code}`,
    )
  }
  for (const skew of [-25, 25]) {
    const token = await cluster.token(gateway.url, { ...TRIAGE, iat: now + skew, exp: now + skew + 1 })
    const { status } = await present(token)
    assert.equal(status, 200, `skew ${skew}`)
  }
})

test('a name that only begins like an allowed one is somebody else', async () => {
  for (const change of [
    { ...CI, sub: 'repo:org/repo-evil:ref:refs/heads/main' },
    { ...CI, repository: 'org/repo-evil' },
    { ...CI, repository: 'Org/Repo' },
    { ...CI, sub: 'repo:org/repo:' },
    { sub: 'repo:org/repo:ref:x' },
    { ...CI, sub: ['repo:org/repo:ref:x'] },
  ]) {
    const answer = await present(await builds.token(gateway.url, change))
    assert.notEqual(answer.status, 200, JSON.stringify(change))
  }
  for (const sub of [
    'spiffe://example.org.evil/ns/prod/triage',
    'spiffe://example.org/ns/prod/triage/',
    'spiffe://example.org/ns/prod/../prod/triage',
    'spiffe://EXAMPLE.org/ns/prod/triage',
    'spiffe://example.org/ns/prod/%74riage',
    `${SVID}2`,
  ]) {
    assert.notEqual((await present(await mesh.token(gateway.url, { iss: undefined, sub }))).status, 200, sub)
  }
})

test('a token that fits two agents is nobody', async () => {
  const token = await builds.token(gateway.url, { ...CI, environment: 'docs' })
  assert.equal((await present(token)).code, 'FEDERATION_AMBIGUOUS')
})

test('a key endpoint that hangs, floods, redirects or lies holds up nobody else and lets nobody in', async () => {
  const elsewhere = await WorkloadIssuer.start()
  try {
    const bad: [string, typeof flaky.behave][] = [
      ['redirect', (_req, res) => res.writeHead(302, { location: `${elsewhere.url}/jwks` }).end()],
      [
        'flood',
        (_req, res) => res.writeHead(200).end(JSON.stringify({ keys: [], padding: 'x'.repeat(10_000_000) })),
      ],
      ['html', (_req, res) => res.writeHead(200).end('<html>')],
      ['error', (_req, res) => res.writeHead(500).end()],
      [
        'symmetric',
        (_req, res) =>
          res.writeHead(200).end(JSON.stringify({ keys: [{ kty: 'oct', k: 'AAAA', kid: 'k1' }] })),
      ],
    ]
    for (const [name, behave] of bad) {
      flaky.behave = behave
      const { status, code } = await present(await flaky.token(gateway.url))
      assert.ok(
        code === 'FEDERATION_KEYS_UNAVAILABLE' || code === 'FEDERATION_INVALID',
        `${name}: ${status} ${code}`,
      )
    }
    assert.equal(elsewhere.asked, 0)
  } finally {
    await elsewhere[Symbol.asyncDispose]()
  }
})

test('an issuer that hangs does not hold up another', async () => {
  const stuck = await WorkloadIssuer.start()
  stuck.behave = () => {}
  try {
    flaky.behave = () => {}
    const slow = present(await flaky.token(gateway.url, {}, { kid: 'unheard-of' }))
    assert.equal((await present(await cluster.token(gateway.url, TRIAGE))).status, 200)
    assert.notEqual((await slow).status, 200)
  } finally {
    await stuck[Symbol.asyncDispose]()
  }
})

test('an unknown key does not let strangers drive the gateway against an issuer', async () => {
  await present(await cluster.token(gateway.url, TRIAGE))
  const before = cluster.asked
  const { privateKey } = await generateKeyPair('ES256')
  for (let i = 0; i < 20; i++) {
    const token = await new SignJWT({ iss: cluster.url, ...TRIAGE, aud: gateway.url })
      .setProtectedHeader({ alg: 'ES256', kid: `made-up-${i}` })
      .setExpirationTime('1m')
      .sign(privateKey)
    assert.equal((await present(token)).code, 'FEDERATION_INVALID')
  }
  assert.ok(cluster.asked - before <= 2, `asked ${cluster.asked - before} times`)
})
