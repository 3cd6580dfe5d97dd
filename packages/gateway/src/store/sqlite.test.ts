import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import SqliteDatabase from 'better-sqlite3'
import { sql } from 'kysely'
import { openSqlite } from './sqlite.ts'
import { StoreUnavailable } from './store.ts'

const dir = mkdtempSync(join(tmpdir(), 'ostiary-sqlite-'))
after(() => rmSync(dir, { recursive: true, force: true }))

async function assertRefused(path: string, why: RegExp): Promise<void> {
  await assert.rejects(openSqlite({ path }), (error) => {
    assert.ok(error instanceof StoreUnavailable, String(error))
    assert.ok(error.message.includes(path), 'the file is not named')
    assert.match(error.message, why)
    assert.match(error.message, /Restore it from a backup/)
    return true
  })
}

test('every commit is synced: WAL and FULL are in force after statements were run', async () => {
  await using store = await openSqlite({ path: join(dir, 'durable.sqlite') })
  await store.transaction((tx) => tx.insertInto('epochs').values({ name: 'a', epoch: 1 }).execute())
  const { rows } = await sql<{ mode: string; level: number }>`
    select m.journal_mode as mode, s.synchronous as level from pragma_journal_mode m, pragma_synchronous s
  `.execute(store.db)
  assert.deepEqual(rows, [{ mode: 'wal', level: 2 }])
})

test('the database and its write-ahead files are readable by this account only', {
  skip: process.platform === 'win32' && 'POSIX file modes',
}, async () => {
  const path = join(dir, 'folder', 'modes.sqlite')
  await using store = await openSqlite({ path })
  await store.transaction((tx) => tx.insertInto('epochs').values({ name: 'a', epoch: 1 }).execute())
  assert.equal(statSync(join(dir, 'folder')).mode & 0o777, 0o700)
  for (const file of ['', '-wal', '-shm']) assert.equal(statSync(path + file).mode & 0o777, 0o600, file)
})

test('a transaction that reads and then writes never has to start again', async () => {
  const path = join(dir, 'immediate.sqlite')
  await using one = await openSqlite({ path })
  await using two = await openSqlite({ path })
  let started = 0
  const sides = [one, two, one, two]
  await Promise.all(
    sides.map((side, n) =>
      side.transaction(async (tx) => {
        started++
        await tx.selectFrom('epochs').selectAll().execute()
        await tx
          .insertInto('epochs')
          .values({ name: `row-${n}`, epoch: n })
          .execute()
      }),
    ),
  )
  assert.equal(started, sides.length)
})

test('a file that is no database is refused and left as it was', async () => {
  const path = join(dir, 'text.sqlite')
  writeFileSync(path, 'not a database, and somebody may want it back. '.repeat(50))
  const before = readFileSync(path)
  await assertRefused(path, /file is not a database/)
  assert.deepEqual(readFileSync(path), before)
})

test('a damaged database is refused and left as it was', async () => {
  const path = join(dir, 'damaged.sqlite')
  {
    await using store = await openSqlite({ path })
    const rows = Array.from({ length: 500 }, (_, n) => ({ name: `row-${n}`.repeat(20), epoch: n }))
    await store.db.insertInto('epochs').values(rows).execute()
  }
  const bytes = readFileSync(path)
  const { length } = bytes
  // The first page stays, so that it still looks like a database.
  bytes.fill(0xaa, 4096, length - 4096)
  writeFileSync(path, bytes)
  await assertRefused(path, /malformed|integrity/)
  assert.deepEqual(readFileSync(path), bytes)
})

test('a database of another program is refused and left as it was', async () => {
  const path = join(dir, 'foreign.sqlite')
  const other = new SqliteDatabase(path)
  other.exec('create table agents (id integer primary key, name text)')
  other.close()
  const before = readFileSync(path)
  await assertRefused(path, /belongs to another program/)
  assert.deepEqual(readFileSync(path), before)
})

test('a folder in the place of the database is refused', async () => {
  const path = join(dir, 'folder.sqlite')
  mkdirSync(path)
  await assertRefused(path, /EISDIR|unable to open/)
})
