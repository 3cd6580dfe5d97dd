import assert from 'node:assert/strict'
import { createHash, createPublicKey, verify as verifySignature } from 'node:crypto'
import { after, before, test } from 'node:test'
import { inflateSync } from 'node:zlib'
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose'
import * as oauth from 'oauth4webapi'
import { SubAgent } from '../../packages/agent/src/index.ts'
import type { GuardedGateway } from '../support/gateway.ts'
import { RawClient, startGuarded } from '../support/gateway.ts'
import { ToolServer } from '../support/tool-server.ts'

const AUDIENCE = 'https://ehr-tools.internal'
let tools: ToolServer
let gateway: GuardedGateway

before(async () => {
  tools = await ToolServer.start()
  gateway = await startGuarded({
    servers: {
      ehr: {
        url: tools.url,
        reverify: '1h',
        sign_requests: true,
        credential: { kind: 'outward-jwt', audience: AUDIENCE },
      },
      bound: {
        url: tools.url,
        reverify: '1h',
        credential: { kind: 'outward-jwt', audience: AUDIENCE, dpop: true },
      },
    },
    tasks: {
      triage: {
        purpose: 'Triage',
        agents: ['lead'],
        tools: { 'ehr/echo': {}, 'bound/echo': {} },
        delegate: { to: ['helper'] },
      },
    },
  })
  await gateway.approveAll('ehr')
  await gateway.approveAll('bound')
  await gateway.control('POST', '/agents', { name: 'helper', sponsor: 'dr-lee@example.org' })
})

after(async () => {
  await gateway?.[Symbol.asyncDispose]()
  await tools?.[Symbol.asyncDispose]()
})

const last = () => tools.calls.at(-1)?.headers.authorization?.slice('Bearer '.length) ?? ''
const keys = () => createRemoteJWKSet(new URL(`${gateway.url}/oauth/jwks`))
const verify = (token: string, audience = AUDIENCE) =>
  jwtVerify(token, keys(), { issuer: gateway.url, audience, typ: 'at+jwt', algorithms: ['ES256'] })

async function open(path = '/mcp/ehr'): Promise<RawClient> {
  const stateDir = await gateway.enrol('lead')
  const client = await RawClient.open(stateDir, { template: 'triage', subject: 'pt-104' }, path)
  await client.initialize()
  return client
}

test('an upstream learns who acts, for whom and in which task, for a minute, from a token for it alone', async () => {
  await using client = await open()
  assert.equal((await client.call('echo', { text: 'x' })).status, 200)
  const { payload, protectedHeader } = await verify(last())
  assert.equal(payload.sub, 'alice@example.org')
  assert.equal(payload.task, client.task)
  assert.equal(payload.txn, client.task)
  assert.equal(payload.subject, 'pt-104')
  const act = payload.act as { instance: string; sub_profile: string; act?: unknown }
  assert.deepEqual(
    [act.instance, act.sub_profile, act.act],
    [client.agent.identity.instance, 'ai_agent', undefined],
  )
  assert.ok((payload.exp ?? 0) - (payload.iat ?? 0) <= 60)
  assert.equal(typeof payload.aud, 'string')
  assert.ok(protectedHeader.kid)
  await assert.rejects(verify(last(), 'https://other.internal'), { code: 'ERR_JWT_CLAIM_VALIDATION_FAILED' })
})

const metadata = async () =>
  await oauth.processDiscoveryResponse(
    new URL(gateway.url),
    await oauth.discoveryRequest(new URL(gateway.url), {
      algorithm: 'oauth2',
      [oauth.allowInsecureRequests]: true,
    }),
  )

test('an independent resource server takes it by RFC 9068', async () => {
  await using client = await open()
  await client.call('echo', { text: 'x' })
  const as = await metadata()
  const request = new Request(AUDIENCE, { headers: { authorization: `Bearer ${last()}` } })
  const claims = await oauth.validateJwtAccessToken(as, request, AUDIENCE, {
    [oauth.allowInsecureRequests]: true,
  })
  assert.equal(claims.client_id, decodeJwt(last()).client_id)
})

test('a stolen outward token that is bound is worthless without the gateway’s key, for another request too', async () => {
  await using client = await open('/mcp/bound')
  await client.call('echo', { text: 'x' })
  const { headers } = tools.requests.at(-1) ?? { headers: {} }
  const { authorization = '', dpop } = headers as Record<string, string>
  const as = await metadata()
  const check = async (url: string, given: Record<string, string>) =>
    await oauth.validateJwtAccessToken(as, new Request(url, { method: 'POST', headers: given }), AUDIENCE, {
      [oauth.allowInsecureRequests]: true,
    })
  const claims = await check(tools.url, { authorization, dpop: String(dpop) })
  assert.equal(claims.task, client.task)
  assert.ok((claims.cnf as { jkt: string }).jkt)
  await assert.rejects(check(tools.url, { authorization: authorization.replace('DPoP', 'Bearer') }))
  await assert.rejects(check(tools.url, { authorization }))
  await assert.rejects(check(`${tools.url}/other`, { authorization, dpop: String(dpop) }))
})

test('a sub-agent’s calls name the whole chain, the newest outermost, and one transaction', async () => {
  await using lead = await open()
  const sub = new SubAgent(gateway.url)
  const { agent, task } = await sub.take(
    lead.agent.delegate(lead.task, { agent: 'helper', jkt: sub.thumbprint }),
  )
  await using helper = RawClient.of(agent, task, '/mcp/ehr')
  await helper.initialize()
  await helper.call('echo', { text: 'x' })
  const { payload } = await verify(last())
  const act = payload.act as { instance: string; act: { instance: string } }
  assert.deepEqual([act.instance, act.act.instance], [agent.identity.instance, lead.agent.identity.instance])
  assert.deepEqual([payload.task, payload.txn], [task, lead.task])
})

test('a token of ours is no token for us, and the agent’s own never goes to an upstream', async () => {
  await using client = await open()
  await client.call('echo', { text: 'x' })
  for (const scheme of ['Bearer', 'DPoP']) {
    const answer = await fetch(`${gateway.url}/mcp/ehr`, {
      method: 'POST',
      headers: { authorization: `${scheme} ${last()}`, 'content-type': 'application/json' },
      body: '{}',
    })
    assert.equal(answer.status, 401)
  }
  assert.ok(tools.calls.every(({ headers }) => !JSON.stringify(headers).includes('ost_')))
})

test('the status list tells that the task has ended, before the token has', async () => {
  await using client = await open()
  await client.call('echo', { text: 'x' })
  const { payload } = await verify(last())
  const { idx, uri } = (payload.status as { status_list: { idx: number; uri: string } }).status_list
  const bit = async () => {
    const response = await fetch(uri)
    assert.equal(response.headers.get('content-type'), 'application/statuslist+jwt')
    const list = await jwtVerify(await response.text(), keys(), { typ: 'statuslist+jwt', subject: uri })
    const { lst } = list.payload.status_list as { lst: string }
    const bytes = inflateSync(Buffer.from(lst, 'base64url'))
    return ((bytes[idx >> 3] as number) >> (idx & 7)) & 1
  }
  assert.equal(await bit(), 0)
  await client.agent.closeTask(client.task)
  assert.equal(await bit(), 1)
})

test('keys outlive a restart, and the next one is published before it signs', async () => {
  const published = async () =>
    ((await (await fetch(`${gateway.url}/oauth/jwks`)).json()) as { keys: { kid: string; d?: string }[] })
      .keys
  const before = await published()
  assert.equal(before.length, 2)
  assert.ok(before.every((key) => !('d' in key)))
  await gateway.kill('SIGKILL')
  await gateway.start()
  assert.deepEqual(await published(), before)
})

test('an upstream can verify that a request is the gateway’s and unchanged, by the RFC’s own rules', async () => {
  await using client = await open()
  await client.call('echo', { text: 'signed' })
  const { headers, body } = tools.requests.at(-1) ?? { headers: {}, body: '' }
  const input = String(headers['signature-input']).slice('ostiary='.length)
  const digest = `sha-256=:${createHash('sha256').update(body).digest('base64')}:`
  assert.equal(headers['content-digest'], digest)
  const { keyid } = /keyid="(?<keyid>[^"]+)"/.exec(input)?.groups ?? {}
  const { keys: set } = (await (await fetch(`${gateway.url}/oauth/jwks`)).json()) as {
    keys: { kid?: string }[]
  }
  const jwk = set.find((key) => key.kid === keyid)
  // RFC 9421 section 2.5, written out.
  const base = (method: string, target: string, authorization: unknown) =>
    [
      `"@method": ${method}`,
      `"@target-uri": ${target}`,
      `"content-digest": ${digest}`,
      `"authorization": ${authorization}`,
      ...(headers['mcp-session-id'] === undefined ? [] : [`"mcp-session-id": ${headers['mcp-session-id']}`]),
      `"@signature-params": ${input}`,
    ].join('\n')
  const signature = Buffer.from(String(headers.signature).slice('ostiary=:'.length, -1), 'base64')
  const key = createPublicKey({ key: jwk as never, format: 'jwk' })
  const isGood = (text: string) =>
    verifySignature('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }, signature)
  assert.ok(isGood(base('POST', tools.url, headers.authorization)))
  assert.ok(!isGood(base('DELETE', tools.url, headers.authorization)))
  assert.ok(!isGood(base('POST', `${tools.url}x`, headers.authorization)))
  assert.ok(!isGood(base('POST', tools.url, 'Bearer other')))
})
