import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { GuardedGateway } from '../support/gateway.ts'
import { RawClient, readRaw, startGuarded } from '../support/gateway.ts'
import { ToolServer } from '../support/tool-server.ts'

let tools: ToolServer
let gateway: GuardedGateway
let client: RawClient
let other: RawClient

before(async () => {
  tools = await ToolServer.start()
  gateway = await startGuarded({
    servers: { files: { url: tools.url }, more: { url: tools.url } },
    tasks: { work: { purpose: 'Test', agents: ['*'], tools: { 'files/echo': {} } } },
  })
  await gateway.approveAll('files')
  client = await RawClient.open(await gateway.enrol('bot'), 'work', '/mcp/files')
  other = await RawClient.open(await gateway.enrol('bot'), 'work', '/mcp/files')
  await client.initialize()
})

after(async () => {
  await client?.[Symbol.asyncDispose]()
  await other?.[Symbol.asyncDispose]()
  await gateway?.[Symbol.asyncDispose]()
  await tools?.[Symbol.asyncDispose]()
})

const message = (text: string, id = 99) =>
  JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'echo', arguments: { text } } })

async function raw(path: string, body: string, headers: Record<string, string>) {
  const response = await fetch(gateway.url + path, {
    method: 'POST',
    headers: { ...client.baseHeaders(), ...headers },
    body,
  })
  return readRaw(response.status, Object.fromEntries(response.headers), await response.text())
}

const authorize = (who: RawClient, body: string, path = '/mcp/files', method = 'POST') =>
  who.agent.authorize(who.task, { method, url: gateway.url + path, body })

test('an agent cannot replay a request', async () => {
  const body = message('once')
  const headers = await authorize(client, body)
  assert.equal((await raw('/mcp/files', body, headers)).status, 200)
  const before = tools.calls.length
  const again = await raw('/mcp/files', body, headers)
  assert.equal(again.code, 'PROOF_REPLAYED')
  assert.equal(tools.calls.length, before, 'the replay reached the server')
})

test('a replay is refused also after the gateway was killed and came back', async () => {
  const body = message('across a restart')
  const headers = await authorize(client, body)
  assert.equal((await raw('/mcp/files', body, headers)).status, 200)
  await gateway.kill('SIGKILL')
  await gateway.start()
  const before = tools.calls.length
  assert.equal((await raw('/mcp/files', body, headers)).code, 'PROOF_REPLAYED')
  assert.equal(tools.calls.length, before)
})

test('a proof for one server is not good for another', async () => {
  const body = message('re-targeted')
  assert.equal((await raw('/mcp/more', body, await authorize(client, body))).code, 'PROOF_TARGET_MISMATCH')
})

test('a proof for one body is not good for another', async () => {
  const headers = await authorize(client, message('meant'))
  assert.equal((await raw('/mcp/files', message('swapped'), headers)).code, 'PROOF_CONTENT_MISMATCH')
})

test('a stolen token is worthless without the key', async () => {
  const body = message('stolen')
  const { authorization } = await authorize(client, body)
  const { dpop } = await authorize(other, body)
  const answer = await raw('/mcp/files', body, {
    authorization: authorization as string,
    dpop: dpop as string,
  })
  assert.equal(answer.status, 401)
  assert.ok(answer.code === 'PROOF_KEY_MISMATCH' || answer.code === 'PROOF_INVALID', answer.code)
})

test('a bound token is refused as a bearer token, with a challenge that says where to ask', async () => {
  const body = message('bearer')
  const { authorization } = await authorize(client, body)
  const answer = await raw('/mcp/files', body, {
    authorization: (authorization as string).replace('DPoP', 'Bearer'),
  })
  assert.equal(answer.status, 401)
  assert.match(
    answer.headers['www-authenticate'] ?? '',
    /^DPoP resource_metadata="http:.*\/\.well-known\/oauth-protected-resource\/mcp\/files"/,
  )
})

test('an instance cannot use the session of another', async () => {
  const body = message('foreign session')
  const answer = await raw('/mcp/files', body, await authorize(other, body))
  assert.equal(answer.code, 'SESSION_UNKNOWN')
})

test('a stranger learns nothing of which servers exist', async () => {
  const answers = await Promise.all(['/mcp/files', '/mcp/none'].map((path) => raw(path, message('x'), {})))
  assert.deepEqual(
    answers.map(({ status, code }) => [status, code]),
    [
      [401, 'TOKEN_MISSING'],
      [401, 'TOKEN_MISSING'],
    ],
  )
})

test('a stranger’s bytes are not even parsed', async () => {
  const body = '{"jsonrpc":"2.0","id":1,"id":2,'
  for (const path of ['/mcp/files', '/mcp']) {
    for (const authorization of [undefined, 'DPoP x', `DPoP ost_${'A'.repeat(43)}000000`]) {
      const answer = await raw(path, body, authorization === undefined ? {} : { authorization })
      assert.equal(answer.status, 401, path)
      assert.match(String(answer.code), /^TOKEN_/)
      assert.match(String(answer.headers['www-authenticate']), /^DPoP .*resource_metadata=/)
    }
  }
})

test('a web page cannot call the gateway behind its user’s back', async () => {
  const body = message('rebound')
  const headers = await authorize(client, body)
  assert.equal(
    (await raw('/mcp/files', body, { ...headers, origin: 'https://evil.example' })).code,
    'ORIGIN_REFUSED',
  )
})

test('the token of a task is dead before the answer to its end', async () => {
  const gone = await RawClient.open(await gateway.enrol('bot'), 'work', '/mcp/files')
  const body = message('late')
  const headers = await authorize(gone, body)
  await gone.agent.closeTask(gone.task)
  const answer = await raw('/mcp/files', body, headers)
  assert.equal(answer.status, 401)
  await gone[Symbol.asyncDispose]()
})

test('a revoked instance is refused at its next call', async () => {
  const stateDir = await gateway.enrol('doomed')
  const doomed = await RawClient.open(stateDir, 'work', '/mcp/files')
  await doomed.initialize()
  await gateway.control('POST', `/instances/${doomed.agent.identity.instance}/revoke`)
  await assert.rejects(doomed.send(message('after')), /This instance is revoked/)
  await doomed[Symbol.asyncDispose]()
})

test('a key is rotated without downtime, and its tokens follow', async () => {
  const rotating = await RawClient.open(await gateway.enrol('bot'), 'work', '/mcp/files')
  await rotating.initialize()
  const before = rotating.agent.thumbprint
  await rotating.agent.rotateKey()
  assert.notEqual(rotating.agent.thumbprint, before)
  assert.equal((await rotating.call('echo', { text: 'still here' })).status, 200)
  await rotating[Symbol.asyncDispose]()
})
