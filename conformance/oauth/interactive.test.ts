import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import * as client from 'openid-client'
import { proofBy, proofClaims, signJws, testKey } from '../../packages/gateway/src/identity/testing.ts'
import { BrowserSession } from '../support/browser-session.ts'
import type { GuardedGateway } from '../support/gateway.ts'
import { startGuarded } from '../support/gateway.ts'
import { ToolServer } from '../support/tool-server.ts'

let tools: ToolServer
let gateway: GuardedGateway
let clientId: string
let document: object
/** The client's own site: its metadata document, and where answers go. */
const site = createServer((_req, res) =>
  res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document)),
)
const person = 'dr-lee@example.org'

before(async () => {
  await new Promise<void>((ready) => site.listen(0, '127.0.0.1', ready))
  clientId = `http://127.0.0.1:${(site.address() as AddressInfo).port}/client.json`
  document = {
    client_id: clientId,
    client_name: 'Desk <b>assistant</b>',
    redirect_uris: ['http://127.0.0.1/callback', 'https://app.example.org/cb'],
    token_endpoint_auth_method: 'none',
  }
  tools = await ToolServer.start()
  gateway = await startGuarded({
    servers: { files: { url: tools.url, reverify: '1h' } },
    tasks: {
      desk: { purpose: 'Help at the desk', agents: ['desk'], tools: { 'files/echo': {} } },
      other: { purpose: 'Not for it', agents: ['somebody'], tools: { 'files/echo': {} } },
    },
    interactive: { clients: [{ client_id: clientId, agent: 'desk' }], registration: { agent: 'desk' } },
  })
  await gateway.approveAll('files')
  for (const name of ['desk', 'somebody'])
    await gateway.control('POST', '/agents', { name, sponsor: 'alice@example.org' })
})

after(async () => {
  await gateway?.[Symbol.asyncDispose]()
  await tools?.[Symbol.asyncDispose]()
  site.close()
})

const CALLBACK = 'http://127.0.0.1:49152/callback'

const discover = (id = clientId) =>
  client.discovery(new URL(gateway.url), id, { token_endpoint_auth_method: 'none' }, client.None(), {
    execute: [client.allowInsecureRequests],
    algorithm: 'oauth2',
  })

/** The independent client asks, the person answers in the browser. @returns where the browser is sent */
async function consent(
  browser: BrowserSession,
  url: URL,
  answer: Record<string, string> = { decision: 'allow', template: 'desk' },
): Promise<URL> {
  const page = await browser.fetch(url.href)
  if (page.status !== 200) {
    const location = page.headers.get('location')
    if (location) return new URL(location)
    throw Object.assign(new Error(await page.text()), { status: page.status })
  }
  const html = await page.text()
  const request = /name="request" value="([^"]+)"/.exec(html)?.[1] ?? ''
  const decided = await browser.form('/oauth/authorize', { request, ...answer })
  const location = decided.headers.get('location')
  if (!location) throw new Error(await decided.text())
  return new URL(location)
}

async function asked(config: client.Configuration, more: Record<string, string> = {}) {
  const verifier = client.randomPKCECodeVerifier()
  const state = client.randomState()
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: CALLBACK,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    ...more,
  })
  return { url, verifier, state }
}

async function signedIn(): Promise<BrowserSession> {
  const browser = new BrowserSession(gateway)
  await browser.signIn(person)
  return browser
}

const callWith = async (
  config: client.Configuration,
  tokens: client.TokenEndpointResponse,
  handle: client.DPoPHandle,
) => {
  const init = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'c', version: '1' } },
  })
  return await client.fetchProtectedResource(
    config,
    tokens.access_token,
    new URL(`${gateway.url}/mcp/files`),
    'POST',
    init,
    new Headers({ 'content-type': 'application/json', accept: 'application/json, text/event-stream' }),
    { DPoP: handle },
  )
}

async function flow(browser: BrowserSession) {
  const config = await discover()
  const handle = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
  const { url, verifier, state } = await asked(config)
  const back = await consent(browser, url)
  const tokens = await client.authorizationCodeGrant(
    config,
    back,
    { pkceCodeVerifier: verifier, expectedState: state },
    {},
    { DPoP: handle },
  )
  return { config, handle, tokens, back, verifier }
}

test('an independent client signs a person in, and the task is theirs, vouched for by the sign-in', async () => {
  const { config, handle, tokens } = await flow(await signedIn())
  assert.equal(tokens.token_type, 'dpop')
  const [task] = tokens.authorization_details as unknown as { task: string }[]
  const { task: found } = await gateway.control<{ task: Record<string, string> }>(
    'GET',
    `/tasks/${task?.task}`,
  )
  assert.deepEqual([found.on_behalf_of, found.vouched, found.template], [person, 'sign-in', 'desk'])
  // This client follows RFC 9449 and not the MCP profile: its proof is not for a body, so it is not good for one.
  await assert.rejects(callWith(config, tokens, handle), (error: client.WWWAuthenticateChallengeError) => {
    assert.equal(error.status, 401)
    assert.equal(error.cause[0]?.parameters.error, 'invalid_dpop_proof')
    return true
  })
  const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token ?? '', {}, { DPoP: handle })
  assert.notEqual(refreshed.access_token, tokens.access_token)
})

test('a code cannot be injected: not without its verifier, not twice, and the second use ends the task', async () => {
  const browser = await signedIn()
  const config = await discover()
  const handle = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
  const grant = (back: URL, verifier: string, state: string) =>
    client.authorizationCodeGrant(
      config,
      back,
      { pkceCodeVerifier: verifier, expectedState: state },
      {},
      { DPoP: handle },
    )
  const first = await asked(config)
  const back = await consent(browser, first.url)
  await assert.rejects(grant(back, client.randomPKCECodeVerifier(), first.state), { error: 'invalid_grant' })
  // The wrong try used it up.
  await assert.rejects(grant(back, first.verifier, first.state), { error: 'invalid_grant' })
  const done = await flow(browser)
  const [{ task }] = done.tokens.authorization_details as unknown as [{ task: string }]
  const again = new URLSearchParams({
    grant_type: 'authorization_code',
    code: done.back.searchParams.get('code') ?? '',
    redirect_uri: CALLBACK,
    client_id: clientId,
    code_verifier: done.verifier,
  })
  const reused = await fetch(`${gateway.url}/oauth/token`, { method: 'POST', body: again })
  assert.equal(reused.status, 400)
  const { task: ended } = await gateway.control<{ task: { end: string } }>('GET', `/tasks/${task}`)
  assert.equal(ended.end, 'failed')
})

test('a refresh token used twice ends the task, and one without its key cannot be used or spoilt', async () => {
  const { config, handle, tokens } = await flow(await signedIn())
  const old = tokens.refresh_token ?? ''
  const thief = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
  await assert.rejects(client.refreshTokenGrant(config, old, {}, { DPoP: thief }))
  await assert.rejects(client.refreshTokenGrant(config, old, {}))
  await client.refreshTokenGrant(config, old, {}, { DPoP: handle })
  await assert.rejects(client.refreshTokenGrant(config, old, {}, { DPoP: handle }), {
    error: 'invalid_grant',
  })
  const [{ task }] = tokens.authorization_details as unknown as [{ task: string }]
  const { task: ended } = await gateway.control<{ task: { end: string } }>('GET', `/tasks/${task}`)
  assert.equal(ended.end, 'failed')
})

test('a client that gives up its refresh token ends the task, and another client cannot', async () => {
  const { config, handle, tokens } = await flow(await signedIn())
  const [{ task }] = tokens.authorization_details as unknown as [{ task: string }]
  const end = async () =>
    (await gateway.control<{ task: { end?: string } }>('GET', `/tasks/${task}`)).task.end
  const token = tokens.refresh_token ?? ''
  const other = await fetch(`${gateway.url}/oauth/revoke`, {
    method: 'POST',
    body: new URLSearchParams({ token, client_id: 'https://other.example.org/client.json' }),
  })
  assert.deepEqual([other.status, await end()], [200, undefined])
  await client.tokenRevocation(config, token)
  assert.equal(await end(), 'revoked')
  await assert.rejects(client.refreshTokenGrant(config, token, {}, { DPoP: handle }))
})

test('PKCE cannot be left out or downgraded', async () => {
  const browser = await signedIn()
  const config = await discover()
  for (const change of [
    { code_challenge_method: 'plain' },
    { code_challenge_method: '' },
    { code_challenge: '' },
    { code_challenge: 'short' },
  ]) {
    const { url } = await asked(config, change)
    const back = await consent(browser, url)
    assert.equal(back.searchParams.get('error'), 'invalid_request', JSON.stringify(change))
    assert.equal(back.searchParams.get('iss'), gateway.url)
  }
})

test('nobody is redirected to an address that is not the client’s', async () => {
  const browser = await signedIn()
  const config = await discover()
  for (const redirect_uri of [
    'https://evil.example/cb',
    'https://app.example.org/cb/../evil',
    'https://app.example.org/cb?x=1',
    'https://app.example.org.evil.example/cb',
    'https://app.example.org@evil.example/cb',
    'https://app.example.org:444/cb',
    'http://app.example.org/cb',
    'http://127.0.0.1:5000/other',
    'http://127.0.0.1.evil.example/callback',
    'http://localhost:5000/callback',
    'http://127.0.0.1:5000/callback#x',
    'javascript:alert(1)',
    '//evil.example',
    '',
  ]) {
    const { url } = await asked(config, { redirect_uri })
    const answer = await browser.fetch(url.href)
    assert.equal(answer.status, 400, redirect_uri)
    assert.equal(answer.headers.get('location'), null)
  }
})

test('an unknown client is refused, and so is one whose document says it is another', async () => {
  const browser = await signedIn()
  const ask = (id: string) =>
    browser.fetch(`/oauth/authorize?response_type=code&client_id=${encodeURIComponent(id)}&redirect_uri=x`)
  for (const id of ['https://evil.example/client.json', `${clientId}?x`, `${clientId}/../client.json`, '']) {
    assert.match(await (await ask(id)).text(), /CLIENT_UNKNOWN/, id)
  }
})

test('a page of another site cannot answer for the person, nor frame the question', async () => {
  const browser = await signedIn()
  const { url } = await asked(await discover())
  const page = await browser.fetch(url.href)
  assert.match(page.headers.get('content-security-policy') ?? '', /frame-ancestors 'none'/)
  assert.equal(page.headers.get('x-frame-options'), 'DENY')
  const html = await page.text()
  assert.ok(!html.includes('<b>assistant'), 'the client’s words are not markup')
  const request = /name="request" value="([^"]+)"/.exec(html)?.[1] ?? ''
  const fields = { request, decision: 'allow', template: 'desk' }
  for (const headers of [{ origin: 'https://evil.example' }, { 'sec-fetch-site': 'cross-site' }]) {
    const answer = await browser.form('/oauth/authorize', fields, headers as Record<string, string>)
    assert.equal(answer.headers.get('location'), null, JSON.stringify(headers))
  }
  const forged = await browser.form('/oauth/authorize', { ...fields, request: `${request.slice(0, -4)}AAAA` })
  assert.match(await forged.text(), /CONSENT_INVALID/)
  const other = new BrowserSession(gateway)
  await other.signIn('mallory@example.org')
  assert.match(await (await other.form('/oauth/authorize', fields)).text(), /CONSENT_INVALID/)
  const notOffered = await browser.form('/oauth/authorize', { ...fields, template: 'other' })
  assert.match(await notOffered.text(), /CONSENT_INVALID/)
})

test('who is not signed in is asked to, comes back to the question, and may say no', async () => {
  const browser = new BrowserSession(gateway)
  const { url, state } = await asked(await discover())
  const sent = await browser.fetch(url.href)
  assert.equal(sent.status, 303)
  const signIn = new URL(sent.headers.get('location') ?? '')
  assert.equal(signIn.pathname, '/operators/sign-in')
  await browser.signIn(person)
  const back = await consent(browser, new URL(signIn.searchParams.get('return_to') ?? '', gateway.url), {
    decision: 'deny',
  })
  assert.equal(back.searchParams.get('error'), 'access_denied')
  assert.equal(back.searchParams.get('state'), state)
})

test('a client that can prove no key gets a bearer only where an operator allowed it, and every record says so', async () => {
  const browser = await signedIn()
  const config = await discover()
  const attempt = async () => {
    const { url, verifier, state } = await asked(config)
    const back = await consent(browser, url)
    return await client.authorizationCodeGrant(config, back, {
      pkceCodeVerifier: verifier,
      expectedState: state,
    })
  }
  await assert.rejects(attempt(), (error: { cause?: { reason?: { code: string } } }) =>
    JSON.stringify(error.cause ?? error).includes('BEARER_REFUSED'),
  )
  await gateway.control('POST', '/agents/desk/bearer', { allow: true })
  const tokens = await attempt()
  assert.equal(tokens.token_type, 'bearer')
  assert.ok((tokens.expires_in ?? Infinity) <= 300)
  const call = () =>
    fetch(`${gateway.url}/mcp/files`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${tokens.access_token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'initialize',
        params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'c', version: '1' } },
      }),
    })
  assert.equal((await call()).status, 200)
  const { entries } = await gateway.control<{ entries: { type: string; actor: { binding?: string } }[] }>(
    'GET',
    '/agents/desk/history?count=10',
  )
  assert.equal(entries.find(({ type }) => type === 'call.intent')?.actor.binding, 'bearer')
  const open = await fetch(`${gateway.url}/v1/tasks`, {
    method: 'POST',
    headers: { authorization: `Bearer ${tokens.access_token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ template: 'desk' }),
  })
  assert.match(await open.text(), /BEARER_CONFINED/, 'a bearer opens another task')
  await gateway.control('POST', '/agents/desk/bearer', { allow: false })
  const refresh = () => client.refreshTokenGrant(config, tokens.refresh_token ?? '')
  await assert.rejects(refresh(), (error: { cause?: unknown }) =>
    JSON.stringify(error.cause ?? error).includes('BEARER_REFUSED'),
  )
  assert.equal((await call()).status, 401)
})

test('a client that a person let act in one task opens no other without asking them', async () => {
  const browser = await signedIn()
  const config = await discover()
  const key = testKey()
  const { url, verifier } = await asked(config)
  const back = await consent(browser, url)
  const post = async (form: Record<string, string>) => {
    const htu = `${gateway.url}/oauth/token`
    const answer = await fetch(htu, {
      method: 'POST',
      headers: { dpop: proofBy(key, proofClaims({ htu })) },
      body: new URLSearchParams(form),
    })
    return (await answer.json()) as { access_token?: string; reason?: { code: string } }
  }
  const got = await post({
    grant_type: 'authorization_code',
    code: back.searchParams.get('code') ?? '',
    redirect_uri: CALLBACK,
    client_id: clientId,
    code_verifier: verifier,
  })
  assert.ok(got.access_token)
  const { instances } = await gateway.control<{ instances: { id: string; keys: { jkt: string }[] }[] }>(
    'GET',
    '/agents/desk',
  )
  const id = instances.find(({ keys }) => keys.some(({ jkt }) => jkt === key.jkt))?.id ?? ''
  const now = Math.floor(Date.now() / 1000)
  const claims = { iss: id, sub: id, aud: gateway.url, iat: now, exp: now + 60, jti: randomUUID() }
  const more = await post({
    grant_type: 'client_credentials',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: signJws(key, { typ: 'JWT' }, claims),
    authorization_details: JSON.stringify([{ type: 'urn:ostiary:task:v1', template: 'desk' }]),
  })
  assert.equal(more.reason?.code, 'INSTANCE_CONFINED')
})

test('when a person is disabled, nothing acts for them any more, and what they agreed to comes to nothing', async () => {
  const browser = new BrowserSession(gateway)
  await browser.signIn('leaving@example.org')
  const { tokens } = await flow(browser)
  const config = await discover()
  const pending = await asked(config)
  const back = await consent(browser, pending.url)
  await gateway.control('POST', '/operators/leaving@example.org/disable')
  const [{ task }] = tokens.authorization_details as unknown as [{ task: string }]
  const { task: ended } = await gateway.control<{ task: { end: string } }>('GET', `/tasks/${task}`)
  assert.equal(ended.end, 'revoked')
  const handle = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
  const checks = { pkceCodeVerifier: pending.verifier, expectedState: pending.state }
  await assert.rejects(client.authorizationCodeGrant(config, back, checks, {}, { DPoP: handle }), {
    error: 'invalid_grant',
  })
})

test('a client may register itself only where that is switched on, and never with a secret or a foreign redirect', async () => {
  const register = (body: object) =>
    fetch(`${gateway.url}/oauth/register`, { method: 'POST', body: JSON.stringify(body) })
  for (const body of [
    { redirect_uris: ['http://evil.example/cb'] },
    { redirect_uris: [] },
    { redirect_uris: ['https://app.example.org/cb'], token_endpoint_auth_method: 'client_secret_basic' },
    { redirect_uris: ['https://app.example.org/cb'], client_secret: 'x' },
    {},
  ]) {
    assert.equal((await register(body)).status, 400, JSON.stringify(body))
  }
  const answer = await register({ redirect_uris: [CALLBACK], client_name: 'self' })
  assert.equal(answer.status, 201)
  const { client_id } = (await answer.json()) as { client_id: string }
  const browser = await signedIn()
  const config = await discover(client_id)
  const { url } = await asked(config)
  const back = await consent(browser, url)
  assert.ok(back.searchParams.get('code'))
})
