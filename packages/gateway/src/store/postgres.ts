import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { migrate } from './migrate.ts'
import { unavailable } from './postgres-url.ts'
import type { Database } from './schema.ts'
import { translate } from './sqlite.ts'
import type { Store, Tx } from './store.ts'
import { StoreUnavailable } from './store.ts'

const INT8 = 20
const RETRIES = 10
const STATEMENT_MS = 30_000

/**
 * The store for more than one machine.
 * @throws StoreUnavailable when the server cannot be reached; the message holds no password
 */
export async function openPostgres({ url }: { url: string }): Promise<Store> {
  let db: Kysely<Database> | undefined
  try {
    db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: reachable(url, openPool(url)) }) })
    await migrate(db, 'postgres')
    await assertDurable(db)
  } catch (error) {
    await db?.destroy()
    throw error instanceof StoreUnavailable ? error : unavailable(url, error)
  }
  const opened = db
  return {
    dialect: 'postgres',
    db: opened,
    transaction: <T>(work: (tx: Tx) => Promise<T>) =>
      retrying(() => opened.transaction().setIsolationLevel('serializable').execute(work)).catch(
        (error: unknown) => {
          throw translate(error)
        },
      ),
    async [Symbol.asyncDispose]() {
      await opened.destroy()
    },
  }
}

/** A server or database can be set to acknowledge what it has not written. */
async function assertDurable(db: Kysely<Database>): Promise<void> {
  const { rows } = await sql<{ fsync: string; commit: string }>`
    select current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit
  `.execute(db)
  if (rows[0]?.fsync !== 'on' || rows[0].commit === 'off') {
    throw new StoreUnavailable(
      'The database is set to lose acknowledged writes in a crash. Set `fsync` and `synchronous_commit` to on.',
    )
  }
}

function openPool(url: string): pg.Pool {
  const types = new pg.TypeOverrides()
  // Every integer of the schema is below 2^53: times in milliseconds, counts.
  types.setTypeParser(INT8, Number)
  const pool = new pg.Pool({
    connectionString: url,
    types,
    max: 10,
    connectionTimeoutMillis: 5000,
    statement_timeout: STATEMENT_MS,
    // For a server that went away without a word and so cannot time anything out.
    query_timeout: STATEMENT_MS + 5000,
    keepAlive: true,
    application_name: 'ostiary',
  })
  // A connection that breaks while idle leaves the pool; whoever needs one gets a new one.
  pool.on('error', () => {})
  return pool
}

/** Names the server, and not the password, when no connection can be had. */
const reachable = (url: string, pool: pg.Pool) => ({
  options: {},
  connect: () =>
    pool.connect().catch((error: unknown) => {
      throw unavailable(url, error)
    }),
  end: () => pool.end(),
})

/** 40001 serialization_failure and 40P01 deadlock_detected: the loser tries again. */
async function retrying<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      const { code } = error as { code?: string }
      if ((code !== '40001' && code !== '40P01') || attempt === RETRIES) throw error
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 10 * attempt))
    }
  }
}
