import assert from 'node:assert/strict'
import type { Server } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import Provider from 'oidc-provider'
import { BrowserSession } from '../support/browser-session.ts'
import type { GuardedGateway } from '../support/gateway.ts'
import { startGuarded } from '../support/gateway.ts'
import { WorkloadIssuer } from '../support/workload-issuer.ts'

let idp: Server
let issuer: string
let gateway: GuardedGateway
let transmitter: WorkloadIssuer
const secret = 'a-client-secret-of-the-gateway'

/** Accounts of the organisation, by login. */
const ACCOUNTS: Record<string, Record<string, unknown>> = {
  ann: { email: 'ann@example.org', email_verified: true, groups: ['clinical-leads', 'security'] },
  bob: { email: 'bob@example.org', email_verified: true, groups: ['interns'] },
  eve: { email: 'ann@example.org', email_verified: true, groups: ['security'] },
  sam: { email: 'sam@example.org', email_verified: false, groups: ['security'] },
}

before(async () => {
  idp = createServer()
  await new Promise<void>((ready) => idp.listen(0, '127.0.0.1', ready))
  issuer = `http://127.0.0.1:${(idp.address() as AddressInfo).port}`
  transmitter = await WorkloadIssuer.start()
  gateway = await startGuarded(
    {
      signals: { receive: { idp: { issuer: transmitter.url } } },
      people: {
        sign_in: {
          issuer,
          client_id: 'ostiary',
          client_secret: { env: 'IDP_SECRET' },
          scope: 'openid email groups',
          roles: {
            'security-officer': { claim: 'groups', is: 'security' },
            approver: { claim: 'groups', is: 'clinical-leads' },
          },
        },
      },
    },
    { IDP_SECRET: secret },
  )
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: 'ostiary',
        client_secret: secret,
        redirect_uris: [`${gateway.url}/operators/sign-in/callback`],
        token_endpoint_auth_method: 'client_secret_basic',
        id_token_signed_response_alg: 'RS256',
      },
    ],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], groups: ['groups'] },
    conformIdTokenClaims: false,
    features: { devInteractions: { enabled: true } },
    findAccount: (_ctx, id) => ({ accountId: id, claims: async () => ({ sub: id, ...ACCOUNTS[id] }) }),
    cookies: { keys: ['test'] },
  })
  idp.on('request', provider.callback())
})

after(async () => {
  await gateway?.[Symbol.asyncDispose]()
  await transmitter?.[Symbol.asyncDispose]()
  idp.closeAllConnections()
  await new Promise((done) => idp.close(done))
})

/** A person at the provider's own pages: follows redirects there, fills in its forms. @returns where it sends the browser back to */
async function atProvider(start: string, login: string): Promise<string> {
  const cookies = new Map<string, string>()
  const go = async (url: string, body?: URLSearchParams): Promise<Response> => {
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(body ? { method: 'POST', body } : {}),
    })
    for (const text of response.headers.getSetCookie()) {
      const [pair = ''] = text.split(';')
      cookies.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1))
    }
    return response
  }
  let response = await go(start)
  for (let steps = 0; steps < 12; steps++) {
    const location = response.headers.get('location')
    if (location) {
      const next = new URL(location, issuer)
      if (next.origin !== issuer) return next.href
      response = await go(next.href)
      continue
    }
    const page = await response.text()
    const action = /action="([^"]+)"/.exec(page)?.[1] ?? ''
    const prompt = /name="prompt" value="([^"]+)"/.exec(page)?.[1] ?? ''
    response = await go(new URL(action, issuer).href, new URLSearchParams({ prompt, login, password: 'x' }))
  }
  throw new Error('the provider never sent the browser back')
}

async function start(browser: BrowserSession): Promise<string> {
  const sent = await browser.fetch('/operators/sign-in/provider?return_to=/operators/me')
  return sent.headers.get('location') ?? ''
}

async function signIn(login: string): Promise<{ browser: BrowserSession; answer: Response }> {
  const browser = new BrowserSession(gateway)
  const back = await atProvider(await start(browser), login)
  return { browser, answer: await browser.fetch(back) }
}

const me = async (browser: BrowserSession) =>
  (await (await browser.fetch('/operators/me')).json()) as {
    name?: string
    roles?: string[]
    method?: string
  }

test('a person signs in through the organisation’s provider, with the roles their claims give', async () => {
  const { browser, answer } = await signIn('ann')
  assert.equal(answer.status, 303, await answer.text())
  assert.equal(answer.headers.get('location'), '/operators/me')
  const { name, roles, method } = await me(browser)
  assert.deepEqual([name, method], ['ann@example.org', 'oidc'])
  assert.deepEqual(new Set(roles), new Set(['approver', 'security-officer']))
  assert.equal((await browser.fetch('/control/audit')).status, 200)
})

test('an account that no rule names can do nothing', async () => {
  const { browser } = await signIn('bob')
  assert.deepEqual((await me(browser)).roles, [])
  assert.equal((await browser.fetch('/control/status')).status, 403)
})

test('roles follow the claims at the next sign-in, and open sessions end', async () => {
  const { browser } = await signIn('ann')
  const groups = ACCOUNTS.ann?.groups
  ;(ACCOUNTS.ann as { groups: string[] }).groups = []
  try {
    const again = await signIn('ann')
    assert.deepEqual((await me(again.browser)).roles, [])
    assert.equal((await browser.fetch('/control/audit')).status, 401)
  } finally {
    ;(ACCOUNTS.ann as { groups: unknown }).groups = groups
  }
})

test('an account of the provider has no way in that outlives what the provider says of it', async () => {
  const { browser } = await signIn('ann')
  const passkey = await browser.post('/operators/passkeys/options', {})
  assert.match(await passkey.text(), /SIGN_IN_BY_PROVIDER/)
  await assert.rejects(gateway.control('POST', '/operators/ann@example.org/link'), /provider/)
})

test('a person whom the provider names by issuer and subject is signed out here', async () => {
  const { browser } = await signIn('ann')
  const set = await transmitter.token(
    gateway.url,
    {
      sub: undefined,
      exp: undefined,
      sub_id: { format: 'iss_sub', iss: issuer, sub: 'ann' },
      events: { 'https://schemas.openid.net/secevent/caep/event-type/session-revoked': {} },
    },
    { typ: 'secevent+jwt' },
  )
  const headers = { 'content-type': 'application/secevent+jwt' }
  const answer = await fetch(`${gateway.url}/ssf/events`, { method: 'POST', headers, body: set })
  assert.equal(answer.status, 202)
  assert.equal((await browser.fetch('/operators/me')).status, 401)
})

test('an account with somebody else’s name is not them, and an address nobody confirmed is nobody', async () => {
  await signIn('ann')
  for (const login of ['eve', 'sam']) {
    const { browser, answer } = await signIn(login)
    assert.equal(answer.status, 403, login)
    assert.match(await answer.text(), /SIGN_IN_REFUSED/)
    assert.equal((await browser.fetch('/operators/me')).status, 401)
  }
})

test('an answer that this browser did not ask for signs nobody in (code injection, login CSRF)', async () => {
  const [mine, yours] = [new BrowserSession(gateway), new BrowserSession(gateway)]
  const back = await atProvider(await start(mine), 'ann')
  await start(yours)
  assert.equal((await yours.fetch(back)).status, 403)
  assert.equal((await new BrowserSession(gateway).fetch(back)).status, 403)
  // Even in the right browser it is good once.
  assert.equal((await mine.fetch(back)).status, 303)
  assert.equal((await mine.fetch(back)).status, 403)
})

test('an answer of another issuer, with another state, or without a code is refused (mix-up)', async () => {
  for (const change of [
    { iss: 'https://evil.example' },
    { state: 'made-up' },
    { code: '' },
    { code: 'made-up' },
    { error: 'access_denied' },
  ] as Record<string, string>[]) {
    const browser = new BrowserSession(gateway)
    const back = new URL(await atProvider(await start(browser), 'ann'))
    for (const [name, value] of Object.entries(change)) back.searchParams.set(name, value)
    assert.equal((await browser.fetch(back.href)).status, 403, JSON.stringify(change))
  }
})
