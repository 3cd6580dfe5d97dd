import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { verifyLog } from '../../packages/evidence/src/index.ts'
import { ControlClient } from '../../packages/gateway/src/cli/control-client.ts'
import type { GuardedGateway } from '../support/gateway.ts'
import { startGuarded } from '../support/gateway.ts'
import { eventually } from '../support/witness.ts'

/** Two workers: the tiles are the owner's, and anybody may ask any worker. */

let gateway: GuardedGateway

before(async () => {
  gateway = await startGuarded({ workers: 2, audit: { publish: 'all' } })
})

after(() => gateway?.[Symbol.asyncDispose]())

/** The path is sent as it is written, without anybody tidying it up. */
function ask(path: string, method = 'GET') {
  const { promise, resolve, reject } = Promise.withResolvers<{
    status: number
    headers: Record<string, unknown>
    body: Buffer
  }>()
  const { hostname, port } = new URL(gateway.url)
  const req = request({ hostname, port, path, method, agent: false }, (res) => {
    const parts: Buffer[] = []
    res.on('data', (part: Buffer) => parts.push(part))
    res.on('end', () =>
      resolve({ status: res.statusCode ?? 0, headers: res.headers, body: Buffer.concat(parts) }),
    )
  })
  req.on('error', reject)
  req.end()
  return promise
}

async function publish(publish: string): Promise<void> {
  const path = join(gateway.dir, 'ostiary.yaml')
  const config = JSON.parse(readFileSync(path, 'utf8'))
  writeFileSync(path, JSON.stringify({ ...config, audit: { publish } }))
  await gateway.control('POST', '/reload')
}

test('a stranger verifies the whole log over HTTP, from the public key alone', async () => {
  const { vkey } = await gateway.control<{ vkey: string }>('GET', '/audit')
  const read = async (path: string) => {
    const { status, body } = await ask(`/log/${path}`)
    return status === 200 ? new Uint8Array(body) : undefined
  }
  const report = await eventually(async () => {
    const found = await verifyLog(read, { vkey })
    return found.size > 1 || !found.ok ? found : undefined
  })
  assert.deepEqual(report.problems, [])
})

test('types and caching are those of tlog-tiles: tiles for ever, the checkpoint for a second', async () => {
  const checkpoint = await ask('/log/checkpoint')
  assert.equal(checkpoint.headers['content-type'], 'text/plain; charset=utf-8')
  assert.match(String(checkpoint.headers['cache-control']), /max-age=1\b/)
  const size = checkpoint.body.toString('utf8').split('\n')[1]
  for (const path of [`/log/tile/0/000.p/${size}`, `/log/tile/entries/000.p/${size}`]) {
    const tile = await ask(path)
    assert.equal(tile.headers['content-type'], 'application/octet-stream')
    assert.match(String(tile.headers['cache-control']), /immutable/)
  }
})

test('no path leads out of the log, and nothing but reading is answered', async () => {
  for (const path of [
    '/log/',
    '/log/vkey',
    '/log/journal/0000000000000000-000000000001.wal',
    '/log/../keys/log.key',
    '/log/tile/../../keys/log.key',
    '/log/tile/0/..%2f..%2f..%2fkeys/log.key',
    '/log/%2e%2e/keys/log.key',
    '/log/tile/0/000.p/0',
    '/log/tile/0/000.p/255',
    '/log/tile/0/x999/999',
  ])
    assert.equal((await ask(path)).status, 404, path)
  for (const method of ['POST', 'PUT', 'DELETE'])
    assert.equal((await ask('/log/checkpoint', method)).status, 405, method)
})

test('what is not published is not there: hashes without entries, or nothing at all', async () => {
  const size = (await ask('/log/checkpoint')).body.toString('utf8').split('\n')[1]
  const statuses = async () =>
    Promise.all(
      ['checkpoint', `tile/0/000.p/${size}`, `tile/entries/000.p/${size}`].map(
        async (path) => (await ask(`/log/${path}`)).status,
      ),
    )
  await publish('hashes')
  assert.deepEqual(await statuses(), [200, 200, 404])
  await publish('none')
  assert.deepEqual(await statuses(), [404, 404, 404])
  assert.equal((await ask(`/control/log/checkpoint`)).status, 401, 'operators have to sign in')
  const text = await new ControlClient(gateway.dataDir).text('GET', `/log/tile/entries/000.p/${size}`)
  assert.match(text, /"type":"log.opened"/)
})
