import assert from 'node:assert/strict'
import type { LookupAddress, lookup } from 'node:dns'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { OutboundFailed, outbound, publicOnly } from './outbound.ts'

test('SSRF: an address that a stranger names reaches nothing inside, in any spelling, nor by a name that resolves there', async () => {
  let connections = 0
  const inside = createServer((socket) => {
    connections++
    socket.destroy()
  })
  await new Promise<void>((ready) => inside.listen(0, '127.0.0.1', ready))
  const { port } = inside.address() as AddressInfo
  try {
    for (const host of [
      '127.0.0.1',
      '127.1',
      '2130706433',
      '0x7f000001',
      '0177.0.0.1',
      '0.0.0.0',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '[64:ff9b::7f00:1]',
      '[fe80::1]',
      '[fd00::1]',
      '10.0.0.1',
      '172.16.0.1',
      '192.168.0.1',
      '169.254.169.254',
      '100.64.0.1',
      'localhost',
    ]) {
      await assert.rejects(
        outbound({ url: `https://${host}:${port}/`, origin: 'stranger' }),
        (error: Error) => error instanceof OutboundFailed && /not public/.test(error.message),
        host,
      )
    }
    for (const url of [
      `http://127.0.0.1:${port}/`,
      `http://localhost:${port}/`,
      'file:///etc/passwd',
      'https://a:b@example.org/',
    ])
      await assert.rejects(outbound({ url, origin: 'stranger' }), OutboundFailed, url)
    assert.equal(connections, 0)
    // The listener is there: who may, gets through to it.
    await assert.rejects(outbound({ url: `http://127.0.0.1:${port}/`, origin: 'configured' }), OutboundFailed)
    assert.equal(connections, 1)
  } finally {
    await new Promise((done) => inside.close(done))
  }
})

const PUBLIC: LookupAddress = { address: '93.184.216.34', family: 4 }
const INSIDE: LookupAddress = { address: '169.254.169.254', family: 4 }

/** What a socket is given to connect to, where the name resolves to `answers`, one after the other. */
async function given(...answers: LookupAddress[][]): Promise<unknown> {
  const resolve = ((_name: string, _options: object, done: (error: null, all: LookupAddress[]) => void) =>
    done(null, answers.shift() ?? [])) as unknown as typeof lookup
  const { promise, resolve: yes, reject } = Promise.withResolvers<unknown>()
  publicOnly(resolve)('rebind.example', { all: true }, (error, found) => (error ? reject(error) : yes(found)))
  return await promise
}

test('DNS rebinding: the addresses that were checked are those connected to, and the name is not asked again', async () => {
  assert.deepEqual(await given([PUBLIC], [INSIDE]), [PUBLIC])
  await assert.rejects(given([INSIDE], [PUBLIC]), OutboundFailed)
})

test('DNS rebinding: a name that resolves to public and inner addresses at once is refused whole', async () => {
  await assert.rejects(given([PUBLIC, INSIDE]), OutboundFailed)
  await assert.rejects(given([]), OutboundFailed)
})
