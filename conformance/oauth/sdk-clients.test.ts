import assert from 'node:assert/strict'
import { createPrivateKey, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { OAuthClientProvider } from '@modelcontextprotocol/client'
import {
  Client,
  ClientCredentialsProvider,
  DpopSession,
  PrivateKeyJwtProvider,
  StaticPrivateKeyJwtProvider,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client'
import { SignJWT } from 'jose'
import type { GuardedGateway } from '../support/gateway.ts'
import { startGuarded } from '../support/gateway.ts'
import { ToolServer } from '../support/tool-server.ts'

let tools: ToolServer
let gateway: GuardedGateway

before(async () => {
  tools = await ToolServer.start()
  gateway = await startGuarded({
    servers: { files: { url: tools.url, reverify: '1h' } },
    tasks: { work: { purpose: 'Test', agents: ['*'], tools: { 'files/echo': {} } } },
    // The SDK's proofs are plain RFC 9449: they are not for a body.
    tokens: { plain_proofs: true },
  })
  await gateway.approveAll('files')
})

after(async () => {
  await gateway?.[Symbol.asyncDispose]()
  await tools?.[Symbol.asyncDispose]()
})

interface Enrolled {
  readonly id: string
  readonly pem: string
}

async function enrolled(agent: string): Promise<Enrolled> {
  const dir = await gateway.enrol(agent)
  const { instance } = JSON.parse(readFileSync(join(dir, 'instance.json'), 'utf8')) as { instance: string }
  return { id: instance, pem: readFileSync(join(dir, 'key.pem'), 'utf8') }
}

/** What the SDK cannot say by itself: the task the token is for (RFC 9396). */
function forTask<P extends OAuthClientProvider>(provider: P): P {
  provider.prepareTokenRequest = () =>
    new URLSearchParams({
      grant_type: 'client_credentials',
      authorization_details: JSON.stringify([{ type: 'urn:ostiary:task:v1', template: 'work' }]),
    })
  return provider
}

const byKey = ({ id, pem }: Enrolled) =>
  forTask(
    new PrivateKeyJwtProvider({
      clientId: id,
      privateKey: pem,
      algorithm: 'ES256',
      jwtLifetimeSeconds: 60,
      expectedIssuer: gateway.url,
    }),
  )

/** The instance's own key in the SDK's form. */
async function sessionOf({ pem }: Enrolled): Promise<DpopSession> {
  const key = createPrivateKey(pem)
  const { d: _, ...publicJwk } = key.export({ format: 'jwk' })
  const privateKey = await crypto.subtle.importKey(
    'pkcs8',
    key.export({ type: 'pkcs8', format: 'der' }),
    { name: 'ECDSA', namedCurve: 'P-256' },
    false,
    ['sign'],
  )
  const publicKey = await crypto.subtle.importKey(
    'jwk',
    publicJwk as never,
    { name: 'ECDSA', namedCurve: 'P-256' },
    true,
    ['verify'],
  )
  return await DpopSession.create({
    keyPair: { privateKey, publicKey, publicJwk, alg: 'ES256', thumbprint: '' } as never,
  })
}

/** Finds everything out from the address of the server, gets a token, and calls a tool. @returns the answer's text */
async function echo(authProvider: OAuthClientProvider, text: string): Promise<string> {
  const client = new Client({ name: 'sdk', version: '1' })
  try {
    await client.connect(
      new StreamableHTTPClientTransport(new URL(`${gateway.url}/mcp/files`), { authProvider }),
    )
    const { content } = await client.callTool({ name: 'echo', arguments: { text } })
    return (content as { text: string }[])[0]?.text ?? ''
  } finally {
    await client.close()
  }
}

const bindingsOf = async (agent: string) => {
  const path = `/agents/${agent}/history?count=50`
  const { entries } = await gateway.control<{
    entries: { type: string; actor: { binding?: string } }[]
  }>('GET', path)
  return new Set(entries.filter(({ type }) => type === 'call.intent').map(({ actor }) => actor.binding))
}

test('the official SDK’s client with an instance key and DPoP comes in from nothing but the server’s address', async () => {
  const who = await enrolled('bound')
  const session = await sessionOf(who)
  const provider = Object.assign(byKey(who), { dpop: () => session })
  assert.equal(await echo(provider, 'bound to a key'), 'bound to a key')
  assert.equal(provider.tokens()?.token_type, 'DPoP')
  assert.deepEqual(await bindingsOf('bound'), new Set([undefined]))
})

test('the official SDK’s client with a key of its own that is not the instance’s gets no token', async () => {
  const session = await DpopSession.create()
  const provider = Object.assign(byKey(await enrolled('foreign')), { dpop: () => session })
  await assert.rejects(echo(provider, 'x'), /DPoP|key/)
  assert.equal(provider.tokens(), undefined)
})

test('the official SDK’s client without DPoP gets a bearer only where an operator allowed it', async () => {
  const who = await enrolled('plain')
  const refused = byKey(who)
  await assert.rejects(echo(refused, 'x'), /proof/i)
  assert.equal(refused.tokens(), undefined)
  await gateway.control('POST', '/agents/plain/bearer', { allow: true })
  const provider = byKey(who)
  assert.equal(await echo(provider, 'by bearer'), 'by bearer')
  const { token_type, expires_in } = provider.tokens() ?? {}
  assert.equal(token_type, 'Bearer')
  assert.ok((expires_in ?? Number.POSITIVE_INFINITY) <= 300)
  assert.deepEqual(await bindingsOf('plain'), new Set(['bearer']))
})

test('an assertion that the official SDK’s client was handed is good once', async () => {
  const who = await enrolled('static')
  await gateway.control('POST', '/agents/static/bearer', { allow: true })
  const jwtBearerAssertion = await new SignJWT({ iss: who.id, sub: who.id, aud: gateway.url })
    .setProtectedHeader({ alg: 'ES256' })
    .setJti(randomUUID())
    .setExpirationTime('60s')
    .sign(createPrivateKey(who.pem))
  const provider = () =>
    forTask(
      new StaticPrivateKeyJwtProvider({
        clientId: who.id,
        jwtBearerAssertion,
        expectedIssuer: gateway.url,
      }),
    )
  assert.equal(await echo(provider(), 'once'), 'once')
  await assert.rejects(echo(provider(), 'twice'), /before|once|used/i)
})

test('the official SDK’s client with a shared secret gets nothing, since there are none', async () => {
  const { id } = await enrolled('secretive')
  await gateway.control('POST', '/agents/secretive/bearer', { allow: true })
  const provider = forTask(
    new ClientCredentialsProvider({ clientId: id, clientSecret: 'guessed', expectedIssuer: gateway.url }),
  )
  await assert.rejects(echo(provider, 'x'), /must be a JWT/)
  assert.equal(provider.tokens(), undefined)
})

test('an assertion for longer than a minute, the SDK’s own default, is refused with the limit', async () => {
  const { id, pem } = await enrolled('lasting')
  const options = { clientId: id, privateKey: pem, algorithm: 'ES256', expectedIssuer: gateway.url }
  await assert.rejects(echo(forTask(new PrivateKeyJwtProvider(options)), 'x'), /60 seconds/)
})
