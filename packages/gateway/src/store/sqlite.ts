import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import SqliteDatabase from 'better-sqlite3'
import type { DatabaseConnection } from 'kysely'
import {
  CompiledQuery,
  Kysely,
  SqliteAdapter,
  SqliteDriver,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import { migrate } from './migrate.ts'
import type { Database } from './schema.ts'
import type { Store, Tx } from './store.ts'
import { StoreUnavailable, UniqueViolation } from './store.ts'

const BUSY_MS = 250
const RETRIES = 12

/** Kysely begins deferred, which fails with SQLITE_BUSY_SNAPSHOT when a read is followed by a write after another commit. */
class ImmediateDriver extends SqliteDriver {
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'))
  }
}

/**
 * The embedded store: one file, WAL, every commit synced.
 * @throws StoreUnavailable when the file is damaged or not a database; it is never re-created silently
 */
export async function openSqlite({ path }: { path: string }): Promise<Store> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const connection = await retrying(async () => connect(path))
  const db = new Kysely<Database>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new ImmediateDriver({ database: connection }),
      createIntrospector: (any) => new SqliteIntrospector(any),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  })
  try {
    await retrying(() => migrate(db, 'sqlite'))
  } catch (error) {
    await db.destroy()
    throw error
  }
  assertDurable(connection, path)
  return {
    dialect: 'sqlite',
    db,
    transaction: <T>(work: (tx: Tx) => Promise<T>) =>
      retrying(() => db.transaction().execute(work)).catch((error: unknown) => {
        throw translate(error)
      }),
    async [Symbol.asyncDispose]() {
      await db.destroy()
    },
  }
}

function connect(path: string): SqliteDatabase.Database {
  let connection: SqliteDatabase.Database | undefined
  try {
    // The write-ahead files take the mode of this one.
    closeSync(openSync(path, 'a', 0o600))
    connection = new SqliteDatabase(path, { timeout: BUSY_MS })
    assertOurs(connection)
    connection.pragma('journal_mode = wal')
    // better-sqlite3 falls back to NORMAL in WAL mode, which does not sync commits.
    connection.pragma('synchronous = full')
    connection.pragma('foreign_keys = on')
    // What is deleted is overwritten: destroyed keys must not be found in free pages.
    connection.pragma('secure_delete = on')
    connection.pragma('trusted_schema = off')
    const check = connection.pragma('quick_check(1)', { simple: true })
    if (check !== 'ok') throw new Error('the integrity check failed')
    return connection
  } catch (error) {
    connection?.close()
    // Another process is at it, e.g. switching it to write-ahead mode, for which SQLite does not wait.
    if (isBusy(error)) throw error
    throw new StoreUnavailable(
      `The database ${path} cannot be used: ${(error as Error).message}. It was left as it is. Restore it from a backup, or move it away to start with an empty one; the log is apart and unharmed.`,
    )
  }
}

/** Before anything is written, so that another program's file stays what it was. */
function assertOurs(connection: SqliteDatabase.Database): void {
  const tables = connection.prepare("select name from sqlite_master where type = 'table'").pluck().all()
  if (tables.length > 0 && !tables.includes('migrations')) throw new Error('it belongs to another program')
}

/** The setting reads FULL until the first statement even when it is not, so it is asked after one. */
function assertDurable(connection: SqliteDatabase.Database, path: string): void {
  connection.prepare('select count(*) from epochs').get()
  if (
    connection.pragma('synchronous', { simple: true }) !== 2 ||
    connection.pragma('journal_mode', { simple: true }) !== 'wal'
  ) {
    connection.close()
    throw new StoreUnavailable(
      `The database ${path} cannot be put into durable mode (WAL, synchronous=FULL). Use a local disk.`,
    )
  }
}

/** The wait for a busy file is short because it blocks the thread; the rest of the patience is here, with jitter. */
async function retrying<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (!isBusy(error) || attempt === RETRIES) throw error
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 20 * attempt))
    }
  }
}

export function translate(error: unknown): unknown {
  const code = String((error as { code?: string }).code)
  if (code === 'SQLITE_CONSTRAINT_UNIQUE' || code === 'SQLITE_CONSTRAINT_PRIMARYKEY' || code === '23505') {
    return new UniqueViolation('the row exists already', { cause: error })
  }
  return error
}

const isBusy = (error: unknown): boolean =>
  String((error as { code?: string }).code).startsWith('SQLITE_BUSY')
