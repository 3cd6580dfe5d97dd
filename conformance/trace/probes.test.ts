import assert from 'node:assert/strict'
import { request } from 'node:http'
import { after, before, test } from 'node:test'
import type { GuardedGateway } from '../support/gateway.ts'
import { startGuarded } from '../support/gateway.ts'

let gateway: GuardedGateway

before(async () => {
  gateway = await startGuarded({})
})

after(async () => {
  await gateway?.[Symbol.asyncDispose]()
})

async function ask(method: string, path: string, headers: Record<string, string> = {}) {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number | undefined; text: string }>()
  const req = request(gateway.url + path, { method, headers }, async (res) => {
    resolve({ status: res.statusCode, text: Buffer.concat(await res.toArray()).toString() })
  })
  req.on('error', reject)
  req.end()
  return await promise
}

test('a gateway is live and ready, for whatever asks without a token and by any name', async () => {
  assert.deepEqual(await ask('GET', '/live'), { status: 200, text: '{"status":"live"}' })
  assert.deepEqual(await ask('GET', '/ready', { host: '10.1.2.3' }), {
    status: 200,
    text: '{"status":"ready"}',
  })
  assert.deepEqual(await ask('HEAD', '/ready'), { status: 200, text: '' })
})

test('probing opens nothing else: other methods, paths below, and other paths by another name are refused', async () => {
  assert.equal((await ask('POST', '/ready')).status, 405)
  assert.equal((await ask('GET', '/ready/x')).status, 404)
  assert.equal((await ask('GET', '/live/../v1/tasks')).status, 404)
  assert.equal(
    (await ask('GET', '/.well-known/oauth-protected-resource', { host: 'evil.example' })).status,
    403,
  )
})
