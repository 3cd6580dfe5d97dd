import { readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { questionsOver } from '../projection/over.ts'
import type { Parameter } from '../projection/store.ts'
import type { Coverage, Tables } from '../questions/asked.ts'
import { literal, openDuckDb } from './duckdb.ts'
import type { Part } from './file-name.ts'
import { rangeOf, slugOf } from './file-name.ts'

/** The folder holds no files of Parquet that the gateway wrote. */
export class NoParquet extends Error {
  override name = 'NoParquet'
}

export interface ParquetTables extends AsyncDisposable {
  readonly db: Tables
  /** Which entries of which logs the files hold. */
  readonly covers: readonly Coverage[]
}

/**
 * The same tables, from files: for years that no database holds any more. Read only; DuckDB may open nothing but the files of this folder.
 * @throws NoParquet, DuckDbMissing
 */
export async function openParquet(folder: string): Promise<ParquetTables> {
  const dir = resolve(folder)
  const names = await readdir(dir).catch(() => [])
  const files = names.sort().flatMap((name) => {
    const range = rangeOf(name)
    return range ? [{ path: join(dir, name), ...range }] : []
  })
  if (files.length === 0) throw new NoParquet(`There are no files of \`ostiary audit export\` in ${dir}.`)
  // DuckDB takes names for patterns.
  if (/[*?[\]]/.test(dir))
    throw new NoParquet(`Move the files to a folder without * ? [ ] in its name: ${dir}`)
  const connection = await openDuckDb(dir)
  const listed = (part: Part) =>
    `read_parquet([${files
      .filter((file) => file.part === part)
      .map(({ path }) => literal(path))
      .join(', ')}])`
  await connection.run(`
    set allowed_directories = [${literal(dir)}];
    set enable_external_access = false;
    set lock_configuration = true;
    create table projection_logs as
      select row_number() over (order by log)::integer as id, log as origin, max(seq) + 1 as projected from ${listed('entries')} group by log;
  `)
  for (const part of ['entries', 'subjects', 'tasks'] as const) {
    await connection.run(`
      create view projection_${part} as
      select l.id as log, rows.* exclude (log) from ${listed(part)} as rows join projection_logs l on l.origin = rows.log`)
  }
  const query = async (sql: string, parameters: readonly Parameter[]) =>
    (await connection.runAndReadAll(sql, [...parameters])).getRowObjectsJS().map(withNumbers)
  const ranges = files.filter(({ part }) => part === 'entries')
  const origins = await query('select origin, projected from projection_logs', [])
  return {
    db: questionsOver('postgres', query),
    covers: origins.map(({ origin, projected }) => ({
      log: String(origin),
      from: Math.min(...ranges.filter(({ slug }) => slugOf(String(origin)) === slug).map(({ from }) => from)),
      size: Number(projected),
    })),
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  }
}

/** 64-bit integers come as BigInt; all of ours are below 2^53. */
const withNumbers = (row: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, typeof value === 'bigint' ? Number(value) : value]),
  )
