import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { createLocalJWKSet, jwtVerify } from 'jose'
import type { Store } from '../../store/store.ts'
import type { TestStore } from '../../store/testing.ts'
import { sqliteStore } from '../../store/testing.ts'
import { SigningKeys } from '../outward/index.ts'
import { Outbox } from './outbox.ts'

let place: TestStore
let store: Store
let now = Date.now()
let status = 503
const received: string[] = []
const receiver = createServer(async (req, res) => {
  let body = ''
  for await (const chunk of req) body += chunk
  received.push(body)
  res.writeHead(status).end()
})

before(async () => {
  await new Promise<void>((ready) => receiver.listen(0, '127.0.0.1', ready))
  place = await sqliteStore()
  store = await place.open()
})
after(async () => {
  receiver.closeAllConnections()
  receiver.close()
  await store[Symbol.asyncDispose]()
  await place.dispose()
})

test('a receiver that was away for an hour gets an event that is neither too old nor of a key that is gone', async () => {
  const common = {
    store,
    clock: { now: () => now },
    recorder: { append: async () => ({ index: 0, leaf: '' }) },
  }
  const keys = new SigningKeys({
    ...common,
    sealer: { seal: (_name, value) => value, open: (_name, sealed) => sealed },
  })
  await keys.load()
  const endpoint = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/events`
  const outbox = new Outbox({
    ...common,
    keys,
    issuer: () => 'https://gw.example',
    receivers: () => [{ audience: 'https://ehr.internal', endpoint }],
    secret: () => Promise.reject(new Error('none is configured')),
  })
  const happened = Math.floor(now / 1000)
  await outbox.taskEnded({ id: 'tsk_1', txn: 'tsk_1' }, 'revoked')
  await outbox.deliver()
  await keys.rotate({ kind: 'gateway' })
  now += 3_600_000
  await keys.upkeep(86_400_000)
  status = 202
  await outbox.deliver()
  const { payload } = await jwtVerify(received[1] ?? '', createLocalJWKSet(await keys.published()), {
    issuer: 'https://gw.example',
    audience: 'https://ehr.internal',
    typ: 'secevent+jwt',
    maxTokenAge: 60,
    currentDate: new Date(now),
  })
  const [event] = Object.values(payload.events as Record<string, { event_timestamp: number }>)
  assert.equal(event?.event_timestamp, happened, 'it still says when it happened')
  const jtis = received.map(
    (set) => JSON.parse(Buffer.from(set.split('.')[1] ?? '', 'base64url').toString()).jti,
  )
  assert.equal(new Set(jtis).size, 1, 'it is the same event')
  await outbox.deliver()
  assert.equal(received.length, 2)
})
