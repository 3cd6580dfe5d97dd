import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { sql } from 'kysely'
import { openPostgres } from './postgres.ts'
import { postgresBus } from './postgres-bus.ts'
import { StoreUnavailable } from './store.ts'
import { postgresStore, run, withoutPostgres } from './testing.ts'

const PASSWORD = 'p%40ssw0rd-of-the-ward'

/** A port at which nothing listens. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((closed) => server.close(closed))
  return port
}

for (const [what, open] of [
  ['store', openPostgres],
  ['bus', postgresBus],
] as const) {
  test(`a ${what} that cannot be reached names the server and not the password`, async () => {
    const port = await closedPort()
    await assert.rejects(open({ url: `postgres://ostiary:${PASSWORD}@127.0.0.1:${port}/wards` }), (error) => {
      assert.ok(error instanceof StoreUnavailable)
      assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${port}/wards.*ECONNREFUSED.*store\\.url`))
      assert.doesNotMatch(inspect(error, { depth: 9 }), /ssw0rd/)
      return true
    })
  })

  test(`a malformed connection string of the ${what} is refused without being repeated`, async () => {
    await assert.rejects(open({ url: `postgres://ostiary:${PASSWORD}@[bad/wards` }), (error) => {
      assert.ok(error instanceof StoreUnavailable)
      assert.match(error.message, /malformed/)
      assert.doesNotMatch(inspect(error, { depth: 9 }), /ssw0rd/)
      return true
    })
  })
}

test('PostgreSQL syncs every commit and ends a statement that runs too long', {
  skip: withoutPostgres(),
}, async () => {
  const place = await postgresStore()
  {
    await using store = await place.open()
    const { rows } = await sql`
      select current_setting('synchronous_commit') as sync, current_setting('statement_timeout') as patience
    `.execute(store.db)
    assert.deepEqual(rows, [{ sync: 'on', patience: '30s' }])
  }
  await place.dispose()
})

test('a database that may lose acknowledged writes is refused', { skip: withoutPostgres() }, async () => {
  const place = await postgresStore()
  try {
    await run(
      place.location,
      `alter database ${new URL(place.location).pathname.slice(1)} set synchronous_commit = off`,
    )
    await assert.rejects(place.open(), (error) => {
      assert.ok(error instanceof StoreUnavailable)
      assert.match(error.message, /synchronous_commit/)
      return true
    })
  } finally {
    await place.dispose()
  }
})
