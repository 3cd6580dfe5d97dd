import assert from 'node:assert/strict'
import { createHash, createHmac, generateKeyPairSync } from 'node:crypto'
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, beforeEach, test } from 'node:test'
import { jwtVerify } from 'jose'
import type { CredentialConfig, CredentialKind, CredentialOf } from '../../config/credential-schema.ts'
import { CredentialSchema } from '../../config/credential-schema.ts'
import { Secret } from '../../lib/secret.ts'
import { Refusal } from '../../model/refusal.ts'
import type { Broker, LeaseHolder } from '../broker.ts'
import { CannotRevoke } from '../broker.ts'
import { brokers } from './index.ts'

const SECRET = 'the-upstream-secret-value'
const ec = generateKeyPairSync('ec', { namedCurve: 'P-384' })
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const pem = (key: typeof ec.privateKey) => key.export({ type: 'pkcs8', format: 'pem' }) as string
const SECRETS: Record<string, string> = {
  EC: pem(ec.privateKey),
  RSA: pem(rsa.privateKey),
  SECRET,
  ACCESS_KEY: 'AKIDEXAMPLE',
  SECRET_KEY: SECRET,
}

interface Seen {
  readonly method: string | undefined
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

let server: Server
let base: string
let answer: (seen: Seen, res: ServerResponse) => void
const requests: Seen[] = []
let now = 1_800_000_000_000

const listener: RequestListener = (req, res) => {
  let body = ''
  req.setEncoding('utf8').on('data', (chunk: string) => {
    body += chunk
  })
  req.on('end', () => {
    const seen = { method: req.method, url: req.url ?? '', headers: req.headers, body }
    requests.push(seen)
    answer(seen, res)
  })
}

before(async () => {
  server = createServer(listener)
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

after(async () => {
  server.closeAllConnections()
  await new Promise((done) => server.close(done))
})

beforeEach(() => {
  requests.length = 0
  now = 1_800_000_000_000
})

let isStoreDown = false
const sealed = new Map<string, string>()
const all = () =>
  brokers({
    now: () => now,
    secret: async (_server, reference) =>
      new Secret(
        ('broker' in reference
          ? sealed.get(reference.broker)
          : 'env' in reference && SECRETS[reference.env]) || '',
      ),
    outwardToken: async (_request, audience) => `outward-for-${audience}`,
    requestKey: () => ({ kid: 'kid', pem: '' }),
    async replaceSecret({ broker }, value) {
      if (isStoreDown) throw new Error('the store is down')
      sealed.set(broker, value)
    },
  })

const holder: LeaseHolder = {
  task: 'tsk_1',
  grant: 'grt_1',
  agent: 'agt_1',
  instance: 'ins_1',
  subject: 'pt-104',
  onBehalfOf: 'dr-lee@example.org',
  purpose: 'Test',
  expiresAt: 1_800_003_600_000,
}

const env = (name: string) => ({ env: name })
const configs = (): Record<Exclude<CredentialKind, 'postgres' | 'outward-jwt'>, CredentialConfig> => {
  const read = (config: object) => CredentialSchema.parse(config)
  return {
    oauth: read({
      kind: 'oauth',
      issuer: base,
      token_endpoint: `${base}/token`,
      revocation_endpoint: `${base}/revoke`,
      client_id: 'gw',
      auth: { secret: env('SECRET') },
      scope: 'patient/{subject}.rs',
    }),
    'smart-backend': read({
      kind: 'smart-backend',
      token_endpoint: `${base}/token`,
      client_id: 'gw',
      key: env('EC'),
      kid: 'k1',
      scope: 'system/Patient.rs',
    }),
    'github-app': read({
      kind: 'github-app',
      api: base,
      app_id: '12',
      installation_id: '34',
      key: env('RSA'),
      repositories: ['one'],
      permissions: { contents: 'read' },
    }),
    'aws-sts': read({
      kind: 'aws-sts',
      role: 'arn:aws:iam::123456789012:role/reader',
      region: 'eu-central-1',
      endpoint: `${base}/`,
      access_key_id: env('ACCESS_KEY'),
      secret_access_key: env('SECRET_KEY'),
      policy: {
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Resource: 'arn:aws:s3:::b/{subject}/*' }],
      },
    }),
    vault: read({ kind: 'vault', address: base, path: 'database/creds/reader', token: env('SECRET') }),
  }
}

const request = (
  config: CredentialConfig,
  change: { holder?: LeaseHolder | undefined; signal?: AbortSignal } = {},
) => ({
  lease: 'lse_1',
  server: 'ehr',
  config,
  holder,
  signal: AbortSignal.timeout(5000),
  ...change,
})
const brokerFor = (config: CredentialConfig): Broker => {
  const broker = all().get(config.kind)
  assert.ok(broker)
  return broker
}
const mint = (config: CredentialConfig, change = {}) => brokerFor(config).mint(request(config, change))
const json = (res: ServerResponse, status: number, body: object) =>
  res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))

test('an OAuth client proves itself, asks for this subject alone, and takes its token back', async () => {
  const { oauth } = configs()
  answer = ({ url }, res) => {
    if (url === '/token') json(res, 200, { access_token: 'at-1', token_type: 'Bearer', expires_in: 120 })
    else res.writeHead(200).end()
  }
  const minted = await mint(oauth)
  assert.deepEqual([...minted.values], [['token', 'at-1']])
  assert.equal(minted.expiresAt, now + 120_000)
  const form = new URLSearchParams(requests[0]?.body)
  assert.equal(form.get('scope'), 'patient/pt-104.rs')
  const basic = Buffer.from(
    requests[0]?.headers.authorization?.slice('Basic '.length) ?? '',
    'base64',
  ).toString()
  // RFC 6749 section 2.3.1: both parts in form encoding.
  assert.equal(basic, `gw:${SECRET}`)
  await brokerFor(oauth).revoke({ ...request(oauth), reference: minted.reference })
  assert.equal(new URLSearchParams(requests[1]?.body).get('token'), 'at-1')
})

test('endpoints are found by the issuer’s metadata, and metadata of another issuer get no secret', async () => {
  const { token_endpoint: _, revocation_endpoint: __, ...rest } = configs().oauth as CredentialOf<'oauth'>
  let issuer = base
  answer = ({ url }, res) => {
    const endpoints = { token_endpoint: `${base}/token`, revocation_endpoint: `${base}/revoke` }
    if (url === '/.well-known/oauth-authorization-server') json(res, 200, { issuer, ...endpoints })
    else if (url === '/token') json(res, 200, { access_token: 'at-1', token_type: 'Bearer', expires_in: 120 })
    else res.writeHead(200).end()
  }
  const { reference } = await mint(rest)
  await brokerFor(rest).revoke({ ...request(rest), reference })
  assert.deepEqual(
    requests.map(({ url }) => url).filter((url) => !url.startsWith('/.well-known')),
    ['/token', '/revoke'],
  )
  requests.length = 0
  issuer = 'https://attacker.example'
  await assert.rejects(mint(rest), Refusal)
  assert.deepEqual(
    requests.map(({ url }) => url),
    ['/.well-known/oauth-authorization-server'],
  )
})

test('a refresh token that the other side replaces is never used twice, also by tasks that open at once', async () => {
  const reference = { broker: 'sealed:consent' }
  sealed.set(reference.broker, 'rt-0')
  const config = { ...configs().oauth, scope: undefined, grant: { refresh_token: reference } }
  const used: (string | null)[] = []
  answer = ({ body }, res) => {
    used.push(new URLSearchParams(body).get('refresh_token'))
    json(res, 200, {
      access_token: `at-${used.length}`,
      token_type: 'Bearer',
      expires_in: 120,
      refresh_token: `rt-${used.length}`,
    })
  }
  const broker = brokerFor(config as CredentialConfig)
  await Promise.all([1, 2, 3].map(() => broker.mint(request(config as CredentialConfig))))
  assert.deepEqual(used, ['rt-0', 'rt-1', 'rt-2'])
  assert.equal(sealed.get(reference.broker), 'rt-3')
})

test('a token whose refresh token could not be kept is given back', async (t) => {
  sealed.set('sealed:consent', 'rt-0')
  const grant = { refresh_token: { broker: 'sealed:consent' } }
  const config = { ...configs().oauth, scope: undefined, grant } as CredentialConfig
  answer = ({ url }, res) =>
    url === '/token'
      ? json(res, 200, { access_token: 'at-1', token_type: 'Bearer', expires_in: 120, refresh_token: 'rt-1' })
      : res.writeHead(200).end()
  isStoreDown = true
  t.after(() => {
    isStoreDown = false
  })
  await assert.rejects(mint(config))
  assert.deepEqual(
    requests.map(({ url, body }) => [url, new URLSearchParams(body).get('token')]),
    [
      ['/token', null],
      ['/revoke', 'at-1'],
    ],
  )
})

test('a subject cannot widen a scope, end a policy or climb a path', async () => {
  const { oauth, 'aws-sts': aws } = configs()
  answer = (_seen, res) => json(res, 200, { access_token: 'x', token_type: 'Bearer', expires_in: 60 })
  for (const subject of ['pt-1 system/*.*', '*', 'pt-1"', '../x', '.', 'a/b', 'pt%2f', 'x'.repeat(200), '']) {
    for (const config of [oauth, aws])
      await assert.rejects(mint(config, { holder: { ...holder, subject } }), { name: 'Refusal' }, subject)
  }
  await assert.rejects(mint(oauth, { holder: undefined }), { name: 'Refusal' })
  assert.equal(requests.length, 0)
})

test('token exchange hands over our own token for that issuer, and never the agent’s', async () => {
  const { oauth } = configs()
  const exchange = { ...oauth, grant: 'token_exchange' } as CredentialConfig
  answer = (_seen, res) =>
    json(res, 200, {
      access_token: 'at-2',
      token_type: 'Bearer',
      expires_in: 60,
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    })
  await mint(exchange)
  const form = new URLSearchParams(requests[0]?.body)
  assert.equal(form.get('subject_token'), `outward-for-${base}`)
  assert.equal(form.get('grant_type'), 'urn:ietf:params:oauth:grant-type:token-exchange')
})

test('a SMART backend assertion is for that endpoint alone, good for minutes, once', async () => {
  const { 'smart-backend': smart } = configs()
  answer = (_seen, res) => json(res, 200, { access_token: 'fhir-1', token_type: 'bearer', expires_in: 300 })
  await mint(smart)
  await mint(smart)
  const ids = await Promise.all(
    requests.map(async ({ body }) => {
      const assertion = new URLSearchParams(body).get('client_assertion') ?? ''
      const { payload, protectedHeader } = await jwtVerify(assertion, ec.publicKey, {
        algorithms: ['ES384'],
        issuer: 'gw',
        subject: 'gw',
        audience: `${base}/token`,
        currentDate: new Date(now),
      })
      assert.ok((payload.exp ?? 0) - (payload.iat ?? 0) <= 300)
      assert.equal(protectedHeader.kid, 'k1')
      return payload.jti
    }),
  )
  assert.notEqual(ids[0], ids[1])
  await assert.rejects(brokerFor(smart).revoke({ ...request(smart), reference: 'minted' }), CannotRevoke)
  answer = (_seen, res) => json(res, 200, { access_token: 'x', token_type: 'bearer', expires_in: 301 })
  await assert.rejects(mint(smart), /longer than 300/)
})

test('a GitHub token is narrowed, and dead after its revocation', async () => {
  const { 'github-app': github } = configs()
  answer = ({ method }, res) => {
    if (method === 'DELETE') res.writeHead(204).end()
    else json(res, 201, { token: 'ghs_stateless_token', expires_at: '2027-01-15T09:00:00Z' })
  }
  const { values, reference } = await mint(github)
  assert.equal(values.get('token'), 'ghs_stateless_token')
  assert.deepEqual(JSON.parse(requests[0]?.body ?? ''), {
    repositories: ['one'],
    permissions: { contents: 'read' },
  })
  const jwt = requests[0]?.headers.authorization?.slice('Bearer '.length) ?? ''
  const { payload } = await jwtVerify(jwt, rsa.publicKey, { issuer: '12', currentDate: new Date(now) })
  assert.ok((payload.exp ?? 0) * 1000 - now <= 600_000)
  await brokerFor(github).revoke({ ...request(github), reference })
  assert.equal(requests[1]?.headers.authorization, 'Bearer ghs_stateless_token')
})

/** AWS Signature Version 4, written out from its specification. */
function sigV4({ headers, body }: Seen): string {
  const [, scope = '', names = ''] =
    /Credential=[^/]+\/([^,]+), SignedHeaders=([^,]+),/.exec(headers.authorization ?? '') ?? []
  const sha = (text: string) => createHash('sha256').update(text).digest('hex')
  const canonical = [
    'POST',
    '/',
    '',
    ...names.split(';').map((name) => `${name}:${String(headers[name]).trim().replace(/\s+/g, ' ')}`),
    '',
    names,
    sha(body),
  ].join('\n')
  const toSign = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, sha(canonical)].join('\n')
  const key = scope
    .split('/')
    .reduce<Buffer>(
      (last, part) => createHmac('sha256', last).update(part).digest(),
      Buffer.from(`AWS4${SECRET}`),
    )
  return createHmac('sha256', key).update(toSign).digest('hex')
}

test('an AWS role is assumed with a right signature, for one subject, under the name of the lease', async () => {
  const { 'aws-sts': aws } = configs()
  answer = (_seen, res) =>
    json(res, 200, {
      AssumeRoleResponse: {
        AssumeRoleResult: {
          Credentials: {
            AccessKeyId: 'ASIAEXAMPLEEXAMPLE',
            SecretAccessKey: 's',
            SessionToken: 't',
            Expiration: 1_800_000_900,
          },
        },
      },
    })
  const { values, expiresAt } = await mint(aws)
  assert.deepEqual([...values.keys()], ['access_key_id', 'secret_access_key', 'session_token'])
  assert.equal(expiresAt, 1_800_000_900_000)
  const [seen] = requests as [Seen]
  assert.equal(/Signature=([0-9a-f]{64})/.exec(seen.headers.authorization ?? '')?.[1], sigV4(seen))
  const form = new URLSearchParams(seen.body)
  assert.deepEqual([form.get('RoleSessionName'), form.get('SourceIdentity')], ['lse_1', 'agt_1'])
  assert.match(form.get('Policy') ?? '', /arn:aws:s3:::b\/pt-104\/\*/)
})

test('a Vault lease is read with its fields and revoked by its id', async () => {
  const { vault } = configs()
  answer = ({ method }, res) => {
    if (method === 'PUT') res.writeHead(204).end()
    else
      json(res, 200, {
        lease_id: 'database/creds/reader/x1',
        lease_duration: 600,
        data: { username: 'u', password: 'p', extra: { nested: true } },
      })
  }
  const { values, reference, expiresAt } = await mint(vault)
  assert.deepEqual(
    [...values],
    [
      ['username', 'u'],
      ['password', 'p'],
    ],
  )
  assert.equal(expiresAt, now + 600_000)
  await brokerFor(vault).revoke({ ...request(vault), reference })
  assert.deepEqual(JSON.parse(requests[1]?.body ?? ''), { lease_id: 'database/creds/reader/x1', sync: true })
  assert.equal(requests[1]?.headers['x-vault-token'], SECRET)
})

test('a revocation that Vault answers with 400 did not happen, whatever it means by it', async () => {
  const { vault } = configs()
  answer = (_seen, res) => json(res, 400, { errors: ['failed to revoke entry: connection refused'] })
  await assert.rejects(brokerFor(vault).revoke({ ...request(vault), reference: 'database/creds/reader/x1' }))
})

test('a token for more than the subject is not used, and given back at once', async () => {
  const { oauth } = configs()
  for (const scope of ['patient/*.rs', 'patient/pt-7.rs', 'patient/pt-104.rs patient/pt-7.rs']) {
    requests.length = 0
    answer = ({ url }, res) => {
      if (url === '/token')
        json(res, 200, { access_token: 'wide', token_type: 'Bearer', expires_in: 60, scope })
      else res.writeHead(200).end()
    }
    await assert.rejects(mint(oauth), /more than the subject/)
    assert.deepEqual(
      requests.map(({ url }) => url),
      ['/token', '/revoke'],
    )
  }
})

test('a token that would live for ages is given back, not only refused', async () => {
  const { oauth } = configs()
  answer = ({ url }, res) => {
    if (url === '/token') json(res, 200, { access_token: 'eternal', token_type: 'Bearer', expires_in: 1e15 })
    else res.writeHead(200).end()
  }
  await assert.rejects(mint(oauth), { name: 'Refusal' })
  assert.equal(new URLSearchParams(requests[1]?.body).get('token'), 'eternal')
})

test('a GitHub App without named permissions is a mistake: none means all that it has', () => {
  const { 'github-app': github } = configs()
  assert.equal(CredentialSchema.safeParse({ ...github, permissions: {} }).success, false)
})

const HOSTILE: Record<string, (seen: Seen, res: ServerResponse) => void> = {
  'an error that quotes the secret': ({ headers, body }, res) =>
    res.writeHead(500).end(`${SECRET} ${headers.authorization} ${body}`),
  'an OAuth error that quotes the secret': (_seen, res) =>
    json(res, 400, { error: 'invalid_client', error_description: `bad ${SECRET}` }),
  'a redirect': (_seen, res) => res.writeHead(307, { location: `${base}/elsewhere` }).end(),
  'ten megabytes': (_seen, res) =>
    res.writeHead(200, { 'content-type': 'application/json' }).end('x'.repeat(10_000_000)),
  'no JSON': (_seen, res) =>
    res.writeHead(200, { 'content-type': 'application/json' }).end(`<html>${SECRET}`),
  'an empty answer': (_seen, res) => res.writeHead(200).end(),
  'a lifetime below zero': (_seen, res) =>
    json(res, 200, {
      access_token: 'x',
      token_type: 'Bearer',
      expires_in: -1,
      token: 'x',
      lease_id: 'x',
      lease_duration: -1,
      data: {},
    }),
  'a lifetime of ages': (_seen, res) =>
    json(res, 200, { access_token: 'x', token_type: 'Bearer', expires_in: 1e15 }),
  'a lifetime in words': (_seen, res) =>
    json(res, 200, {
      access_token: 'x',
      token_type: 'Bearer',
      expires_in: 'soon',
      lease_id: 'x',
      lease_duration: 'soon',
      data: { a: 'b' },
    }),
  'a connection that breaks': (_seen, res) => res.destroy(),
}

for (const [name, behave] of Object.entries(HOSTILE)) {
  test(`an upstream that answers with ${name} gets no secret out, and yields no credential`, async () => {
    answer = behave
    for (const config of Object.values(configs())) {
      requests.length = 0
      await assert.rejects(mint(config), (error: Error) => {
        assert.ok(error instanceof Refusal, `${config.kind}: ${error.stack}`)
        assert.equal(error.reason.code, 'CREDENTIAL_UNAVAILABLE')
        assert.ok(!JSON.stringify([error.message, error.reason, error.cause]).includes(SECRET), config.kind)
        return true
      })
      assert.ok(
        requests.every(({ url }) => url !== '/elsewhere'),
        config.kind,
      )
    }
  })
}

test('an upstream that hangs is left when the time is over', async () => {
  answer = () => {}
  for (const config of Object.values(configs())) {
    const { signal, abort } = ((controller) => ({
      signal: controller.signal,
      abort: () => controller.abort(),
    }))(new AbortController())
    const minting = mint(config, { signal })
    minting.catch(() => {})
    while (requests.length === 0) await new Promise((next) => setImmediate(next))
    abort()
    await assert.rejects(minting, { name: 'Refusal' }, config.kind)
    requests.length = 0
  }
})

test('revoking what was never minted is safe, and a failed revocation is not taken for done', async () => {
  for (const config of Object.values(configs()))
    await brokerFor(config).revoke({ ...request(config), reference: undefined })
  answer = (_seen, res) => res.writeHead(503).end()
  for (const config of Object.values(configs()))
    await assert.rejects(brokerFor(config).revoke({ ...request(config), reference: 'x' }), config.kind)
})
