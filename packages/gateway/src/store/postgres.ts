import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { migrate } from './migrate.ts'
import type { Database } from './schema.ts'
import { translate } from './sqlite.ts'
import type { Store, Tx } from './store.ts'
import { StoreUnavailable } from './store.ts'

const INT8 = 20
const RETRIES = 10

/**
 * The store for more than one machine.
 * @throws StoreUnavailable when the server cannot be reached; the message holds no password
 */
export async function openPostgres({ url }: { url: string }): Promise<Store> {
  const types = new pg.TypeOverrides()
  // Every integer of the schema is below 2^53: times in milliseconds, counts.
  types.setTypeParser(INT8, Number)
  const pool = new pg.Pool({
    connectionString: url,
    types,
    max: 10,
    connectionTimeoutMillis: 5000,
    statement_timeout: 30_000,
    application_name: 'ostiary',
  })
  pool.on('error', () => {})
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) })
  try {
    await migrate(db, 'postgres')
  } catch (error) {
    await db.destroy()
    const { hostname, port, pathname } = new URL(url)
    throw new StoreUnavailable(
      `The database at ${hostname}:${port || 5432}${pathname} cannot be used: ${(error as NodeJS.ErrnoException).code ?? (error as Error).message}. Check that it runs and that \`store.url\` is right.`,
    )
  }
  return {
    dialect: 'postgres',
    db,
    transaction: <T>(work: (tx: Tx) => Promise<T>) =>
      retrying(() => db.transaction().setIsolationLevel('serializable').execute(work)).catch(
        (error: unknown) => {
          throw translate(error)
        },
      ),
    async [Symbol.asyncDispose]() {
      await db.destroy()
    },
  }
}

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
