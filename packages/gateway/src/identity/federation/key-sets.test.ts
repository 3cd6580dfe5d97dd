import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { KeySets } from './key-sets.ts'

const KEY = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', kid: 'k1' }
const WANTED = { kid: 'k1', alg: 'ES256' }

async function listening(listener: RequestListener) {
  const server = createServer(listener)
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}

test('SSRF: an issuer’s document cannot lead the gateway to another host inside', async () => {
  let asked = 0
  await using inside = await listening((_req, res) => {
    asked++
    res.end(JSON.stringify({ keys: [KEY] }))
  })
  await using issuer = await listening((req, res) =>
    res.end(JSON.stringify({ issuer: `http://${req.headers.host}`, jwks_uri: `${inside.url}/jwks` })),
  )
  const sets = new KeySets({ dir: '.', now: Date.now })
  const source = { keys: { discover: issuer.url }, use: 'sig' } as const
  await assert.rejects(sets.find('t', source, WANTED), { name: 'Refusal' })
  assert.equal(asked, 0)
})

test('a key endpoint that flaps: the keys read last stay good for a day, and are asked for once in a while only', async () => {
  let isUp = true
  let asked = 0
  await using issuer = await listening((_req, res) => {
    asked++
    res.writeHead(isUp ? 200 : 500).end(JSON.stringify({ keys: [KEY] }))
  })
  let now = 1_800_000_000_000
  const sets = new KeySets({ dir: '.', now: () => now })
  const find = () => sets.find('t', { keys: issuer.url, use: 'sig' }, WANTED)
  assert.equal((await find()).length, 1)
  isUp = false
  for (const minutes of [6, 12, 60]) {
    now += minutes * 60_000
    assert.equal((await find()).length, 1, 'good though its source is down')
    const before = asked
    await find()
    assert.equal(asked, before, 'not asked again at once')
  }
  isUp = true
  now += 60_000
  assert.equal((await find()).length, 1)
  isUp = false
  now += 24 * 60 * 60_000 + 1
  await assert.rejects(find(), { name: 'Refusal' })
})
