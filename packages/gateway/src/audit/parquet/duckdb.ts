import type { DuckDBConnection } from '@duckdb/node-api'

/** The optional package for files of Parquet is not installed. */
export class DuckDbMissing extends Error {
  override name = 'DuckDbMissing'
}

type DuckDb = typeof import('@duckdb/node-api')

/** Loaded only where it is asked for: 68 MB that a gateway does not need. @throws DuckDbMissing */
export async function loadDuckDb(): Promise<DuckDb> {
  try {
    return await import('@duckdb/node-api')
  } catch (error) {
    throw new DuckDbMissing(
      'Files of Parquet need the optional package @duckdb/node-api. Install it beside Ostiary: npm install @duckdb/node-api@1.5.6-r.1',
      { cause: error },
    )
  }
}

/**
 * A database in memory, or in a file, that takes at most a gigabyte of memory and lets the rest go to `dir`. It loads no extensions.
 * @param path of the database; in memory when left out
 */
export async function openDuckDb(dir: string, path?: string): Promise<DuckDBConnection & AsyncDisposable> {
  const { DuckDBInstance } = await loadDuckDb()
  const instance = await DuckDBInstance.create(path ?? ':memory:', {
    memory_limit: '1GB',
    temp_directory: dir,
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  })
  const connection = await instance.connect()
  return Object.assign(connection, {
    async [Symbol.asyncDispose]() {
      connection.closeSync()
      instance.closeSync()
    },
  })
}

/** A text in a statement, for the places that take no parameter. */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`
