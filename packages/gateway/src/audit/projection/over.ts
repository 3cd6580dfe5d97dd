import type { CompiledQuery, DatabaseConnection, Dialect, Driver, QueryResult } from 'kysely'
import {
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import type { Parameter, ProjectionStore, Row } from './store.ts'
import type { ProjectionTables } from './tables.ts'

/** Runs one statement. */
export type Execute = (sql: string, parameters: readonly Parameter[]) => Promise<readonly Row[]>

/** Questions are written once, for whatever runs them: a database in another thread, a server, or files of Parquet. */
export function questionsOver(
  dialect: ProjectionStore['dialect'],
  execute: Execute,
): Kysely<ProjectionTables> {
  const isSqlite = dialect === 'sqlite'
  return new Kysely<ProjectionTables>({
    dialect: {
      createAdapter: () => (isSqlite ? new SqliteAdapter() : new PostgresAdapter()),
      createDriver: () => new ReadingDriver(execute),
      createIntrospector: (db) => (isSqlite ? new SqliteIntrospector(db) : new PostgresIntrospector(db)),
      createQueryCompiler: () => (isSqlite ? new SqliteQueryCompiler() : new PostgresQueryCompiler()),
    } satisfies Dialect,
  })
}

const isForReading = () => Promise.reject(new Error('questions do not change anything'))

/** One statement after another, and no transactions: nothing is written through it. */
class ReadingDriver implements Driver {
  readonly #connection: DatabaseConnection

  constructor(execute: Execute) {
    this.#connection = {
      async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
        return { rows: [...(await execute(sql, parameters as readonly Parameter[]))] as R[] }
      },
      // biome-ignore lint/correctness/useYield: questions come in pages and are not streamed
      async *streamQuery() {
        await isForReading()
      },
    }
  }

  init = () => Promise.resolve()
  acquireConnection = () => Promise.resolve(this.#connection)
  releaseConnection = () => Promise.resolve()
  beginTransaction = isForReading
  commitTransaction = isForReading
  rollbackTransaction = isForReading
  destroy = () => Promise.resolve()
}
