import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { EndedCall } from '../../packages/gateway/src/trace/ended-call.ts'
import { exportSpans } from '../../packages/gateway/src/trace/export-spans.ts'
import { endedCall } from '../../packages/gateway/src/trace/testing.ts'
import { decodeSpans } from '../support/collector.ts'

const call = (more: Partial<EndedCall> = {}): EndedCall =>
  endedCall({ startedAt: performance.now() - 1, endedAt: performance.now(), ...more })

/** A collector that answers when it is told to, and with what. */
async function slowCollector() {
  const waiting: ServerResponse[] = []
  let received = 0
  let wake = Promise.withResolvers<void>()
  let status: number | undefined
  const server = createServer(async (req, res) => {
    received += decodeSpans(Buffer.concat(await req.toArray())).length
    if (status === undefined) waiting.push(res)
    else res.writeHead(status).end()
    wake.resolve()
    wake = Promise.withResolvers()
  })
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`,
    answer(with_: number) {
      status = with_
      for (const res of waiting.splice(0)) res.writeHead(with_).end()
    },
    async until(fits: (received: number) => boolean) {
      while (!fits(received)) await wake.promise
      return received
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    },
  }
}

const exporting = (endpoint: string, onHealth: (isTaking: boolean) => void = () => {}) =>
  exportSpans({
    endpoint,
    headers: {},
    sampler: () => true,
    about: { version: '0', instance: 'test', log: 'test' },
    onHealth,
  })

test('a collector that hangs costs a bounded number of spans, however many calls there are', async () => {
  await using collector = await slowCollector()
  const running = exporting(collector.url)
  for (let i = 0; i < 50_000; i++) running.watch(call())
  await collector.until((received) => received > 0)
  collector.answer(200)
  await running[Symbol.asyncDispose]()
  const received = await collector.until((count) => count >= 2048)
  assert.ok(received <= 2048 + 512, `${received} spans were kept`)
})

test('that a collector takes no spans is said once, and once when it takes them again', async () => {
  await using collector = await slowCollector()
  const told = Promise.withResolvers<void>()
  const heard: boolean[] = []
  await using running = exporting(collector.url, (isTaking) => {
    heard.push(isTaking)
    if (isTaking) told.resolve()
  })
  const batch = async (count: number) => {
    for (let i = 0; i < 512; i++) running.watch(call())
    await collector.until((received) => received >= count)
  }
  collector.answer(400)
  await batch(512)
  await batch(1024)
  collector.answer(200)
  await batch(1536)
  await told.promise
  assert.deepEqual(heard, [false, true])
})

test('strangers cannot fill a collector: what is not on record is not traced', async () => {
  await using collector = await slowCollector()
  collector.answer(200)
  const running = exporting(collector.url)
  for (let i = 0; i < 600; i++)
    running.watch(call({ who: undefined, logIndex: undefined, result: 'denied', code: 'TOKEN_INVALID' }))
  running.watch(call({ who: undefined, result: 'denied', code: 'TOKEN_INVALID' }))
  await running[Symbol.asyncDispose]()
  assert.equal(await collector.until((received) => received > 0), 1)
})
