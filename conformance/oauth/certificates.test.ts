import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Issued } from '../support/certificates.ts'
import { Authority } from '../support/certificates.ts'
import type { GuardedGateway } from '../support/gateway.ts'
import { startGuarded } from '../support/gateway.ts'

let gateway: GuardedGateway
let authority: Authority
let own: Issued
let dir: string

const URI = 'spiffe://example.org/ns/prod/mesh'

before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'ostiary-tls-'))
  authority = await Authority.create('Test authority')
  const server = await authority.issue({ usage: 'server', dns: 'localhost' })
  own = await authority.issue({ uri: URI })
  const write = (name: string, text: string) => {
    writeFileSync(join(dir, name), text, { mode: 0o600 })
    return join(dir, name)
  }
  gateway = await startGuarded({
    listen: {
      port: 0,
      tls: {
        cert: write('server.pem', server.cert),
        key: { file: write('server.key', server.key) },
        client_certificates: true,
      },
    },
    tasks: { work: { purpose: 'Test', agents: ['*'] } },
    trust: { mesh: { ca: write('ca.pem', authority.cert), agents: { mesh: { uri: URI } } } },
  })
  await gateway.control('POST', '/agents', { name: 'mesh', sponsor: 'alice@example.org' })
})

after(async () => {
  await gateway?.[Symbol.asyncDispose]()
  rmSync(dir, { recursive: true, force: true })
})

interface Answer {
  readonly status: number
  readonly body: Record<string, unknown> & { reason?: { code: string } }
}

function send(
  path: string,
  options: {
    with?: Issued | undefined
    headers?: Record<string, string>
    body?: string
    method?: string
  } = {},
): Promise<Answer> {
  return new Promise((done, failed) => {
    const req = request(
      new URL(path, gateway.url),
      {
        method: options.method ?? 'POST',
        ca: authority.cert,
        agent: false,
        ...(options.with === undefined ? {} : { cert: options.with.cert, key: options.with.key }),
        headers: options.headers,
      },
      (res) => {
        let text = ''
        res.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk
        })
        res.on('end', () => done({ status: res.statusCode ?? 0, body: text === '' ? {} : JSON.parse(text) }))
      },
    )
    req.on('error', failed)
    req.end(options.body)
  })
}

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const details = JSON.stringify([{ type: 'urn:ostiary:task:v1', template: 'work' }])
const askToken = (who: Issued | undefined, headers: Record<string, string> = {}) =>
  send('/oauth/token', {
    with: who,
    headers: { ...FORM, ...headers },
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      authorization_details: details,
    }).toString(),
  })

test('a workload with a certificate gets a token that is good on its own connections alone', async () => {
  const { status, body } = await askToken(own)
  assert.equal(status, 200, JSON.stringify(body))
  assert.equal(body.token_type, 'Bearer')
  const [{ task }] = body.authorization_details as [{ task: string }]
  const read = (who: Issued | undefined, headers: Record<string, string> = {}) =>
    send(`/v1/tasks/${task}`, {
      method: 'GET',
      with: who,
      headers: { authorization: `Bearer ${String(body.access_token)}`, ...headers },
    })
  assert.equal((await read(own)).status, 200)
  assert.equal((await read(undefined)).body.reason?.code, 'CERTIFICATE_MISSING')
  const other = await authority.issue({ uri: URI })
  assert.equal((await read(other)).body.reason?.code, 'CERTIFICATE_MISMATCH')
  // What a client says about its certificate is not what its connection proved.
  const forged = { 'x-ostiary-client-certificate': Buffer.from(own.cert).toString('base64') }
  assert.equal((await read(undefined, forged)).body.reason?.code, 'CERTIFICATE_MISSING')
  const history = await gateway.control<{ entries: { type: string; actor: { binding?: string } }[] }>(
    'GET',
    '/agents/mesh/history',
  )
  assert.equal(history.entries.find(({ type }) => type === 'token.issued')?.actor.binding, 'mtls')
})

test('only a certificate of the trusted authority, for clients, in its time and with the right name counts', async () => {
  const stranger = await Authority.create('Test authority')
  for (const [what, who] of [
    ['another authority of the same name', await stranger.issue({ uri: URI })],
    ['a server’s certificate', await authority.issue({ uri: URI, usage: 'server' })],
    ['an authority’s own certificate', await authority.issue({ uri: URI, ca: true })],
    ['an expired one', await authority.issue({ uri: URI, notAfter: new Date(Date.now() - 1000) })],
    ['another name', await authority.issue({ uri: `${URI}2` })],
    ['the name as DNS', await authority.issue({ dns: 'mesh.example.org' })],
    ['a name with the right one inside', await authority.issue({ uri: `spiffe://evil.example/?URI:${URI}` })],
  ] as const) {
    const { status, body } = await askToken(who)
    assert.notEqual(status, 200, what)
    assert.match(body.reason?.code ?? '', /^FEDERATION_/, what)
  }
})

test('a certificate that a client only says it has is worth nothing', async () => {
  const der = own.cert.replace(/-----[^-]+-----|\s/g, '')
  for (const name of [
    'x-ostiary-client-certificate',
    'X-Ostiary-Client-Certificate',
    'client-cert',
    'x-forwarded-client-cert',
  ]) {
    const { status } = await askToken(undefined, { [name]: der })
    assert.notEqual(status, 200, name)
  }
})
