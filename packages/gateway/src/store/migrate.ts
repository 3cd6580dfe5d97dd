import type { Kysely } from 'kysely'
import { sql } from 'kysely'
import { MIGRATIONS } from './migrations/index.ts'
import type { Database } from './schema.ts'
import type { Store } from './store.ts'
import { StoreUnavailable } from './store.ts'

/** Any number that no other program uses for an advisory lock in this database. */
const LOCK = 7_069_842

/** Brings the schema up to date, one migration at a time, with an exclusive lock so that two starters do not collide. */
export async function migrate(db: Kysely<Database>, dialect: Store['dialect']): Promise<void> {
  await db.transaction().execute(async (tx) => {
    // On SQLite the transaction is immediate and so holds the write lock already.
    if (dialect === 'postgres') await sql`select pg_advisory_xact_lock(${LOCK})`.execute(tx)
    await sql`create table if not exists migrations (name text primary key)`.execute(tx)
    const done = await sql<{ name: string }>`select name from migrations`.execute(tx)
    const names = new Set(done.rows.map((row) => row.name))
    const later = [...names].find((name) => !MIGRATIONS.some(([known]) => known === name))
    if (later !== undefined) {
      throw new StoreUnavailable(
        `The database was made by a later version of Ostiary (${later}). Run that version, or restore a backup that is older.`,
      )
    }
    for (const [name, up] of MIGRATIONS) {
      if (names.has(name)) continue
      await up(tx)
      await sql`insert into migrations (name) values (${name})`.execute(tx)
    }
  })
}
