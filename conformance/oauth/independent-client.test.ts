import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { calculateJwkThumbprint, exportJWK } from 'jose'
import * as oauth from 'oauth4webapi'
import { Agent } from '../../packages/agent/src/index.ts'
import type { GuardedGateway } from '../support/gateway.ts'
import { startGuarded } from '../support/gateway.ts'

let gateway: GuardedGateway
let as: oauth.AuthorizationServer
const insecure = { [oauth.allowInsecureRequests]: true }
const TASK = [{ type: 'urn:ostiary:task:v1', template: 'work' }]

before(async () => {
  gateway = await startGuarded({
    tasks: { work: { purpose: 'Test', agents: ['lead'], delegate: { to: ['helper'] } } },
  })
  await gateway.control('POST', '/agents', { name: 'helper', sponsor: 'alice@example.org' })
  const issuer = new URL(gateway.url)
  const response = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure })
  as = await oauth.processDiscoveryResponse(issuer, response)
})

after(async () => await gateway?.[Symbol.asyncDispose]())

/** The instance's own key, for assertions and proofs. */
async function keysOf(stateDir: string): Promise<oauth.CryptoKeyPair> {
  const jwk = createPrivateKey(readFileSync(join(stateDir, 'key.pem'))).export({ format: 'jwk' })
  const { d: _, ...shown } = jwk
  const ec = { name: 'ECDSA', namedCurve: 'P-256' }
  return {
    privateKey: await crypto.subtle.importKey('jwk', jwk, ec, false, ['sign']),
    publicKey: await crypto.subtle.importKey('jwk', shown, ec, true, ['verify']),
  }
}

async function lead() {
  const stateDir = await gateway.enrol('lead')
  const { instance } = JSON.parse(readFileSync(join(stateDir, 'instance.json'), 'utf8')) as {
    instance: string
  }
  const keys = await keysOf(stateDir)
  const client: oauth.Client = { client_id: instance }
  return { stateDir, keys, client, auth: oauth.PrivateKeyJwt(keys.privateKey) }
}

const taskOf = (answer: oauth.TokenEndpointResponse) =>
  (answer.authorization_details as unknown as { task: string }[])[0]?.task ?? ''

const introspect = async (
  { client, auth }: { client: oauth.Client; auth: oauth.ClientAuth },
  token: string,
): Promise<oauth.IntrospectionResponse> =>
  await oauth.processIntrospectionResponse(
    as,
    client,
    await oauth.introspectionRequest(as, client, auth, token, insecure),
  )

test('oauth4webapi gets a bound token by private_key_jwt, introspects it, and revokes it', async () => {
  const who = await lead()
  const DPoP = oauth.DPoP(who.client, who.keys)
  const parameters = { authorization_details: JSON.stringify(TASK) }
  const options = { DPoP, ...insecure }
  const response = await oauth.clientCredentialsGrantRequest(as, who.client, who.auth, parameters, options)
  const answer = await oauth.processClientCredentialsResponse(as, who.client, response)
  assert.equal(answer.token_type, 'dpop')
  const told = await introspect(who, answer.access_token)
  const jkt = await calculateJwkThumbprint(await exportJWK(who.keys.publicKey))
  assert.deepEqual([told.active, told.cnf?.jkt, told.task], [true, jkt, taskOf(answer)])
  await oauth.processRevocationResponse(
    await oauth.revocationRequest(as, who.client, who.auth, answer.access_token, insecure),
  )
  assert.equal((await introspect(who, answer.access_token)).active, false)
})

test('oauth4webapi takes a part of a task by token exchange, and the token names the chain', async () => {
  const who = await lead()
  await using agent = new Agent({ stateDir: who.stateDir })
  const { task } = await agent.openTask({ template: 'work' })
  const keys = await oauth.generateKeyPair('ES256')
  const jkt = await calculateJwkThumbprint(await exportJWK(keys.publicKey))
  const client: oauth.Client = { client_id: 'helper' }
  const response = await oauth.genericTokenEndpointRequest(
    as,
    client,
    oauth.None(),
    'urn:ietf:params:oauth:grant-type:token-exchange',
    {
      subject_token: agent.delegate(task.id, { agent: 'helper', jkt }),
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    },
    { DPoP: oauth.DPoP(client, keys), ...insecure },
  )
  const answer = await oauth.processGenericTokenEndpointResponse(as, client, response)
  assert.equal(answer.issued_token_type, 'urn:ietf:params:oauth:token-type:access_token')
  const told = await introspect(who, answer.access_token)
  assert.deepEqual([told.active, told.cnf?.jkt], [true, jkt])
  const act = told.act as { sub: string; act: { instance: string } }
  assert.equal(act.act.instance, who.client.client_id)
})
