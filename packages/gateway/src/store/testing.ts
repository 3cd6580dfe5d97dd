import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { openPostgres } from './postgres.ts'
import { openSqlite } from './sqlite.ts'
import type { Store } from './store.ts'

/** A fresh, empty store to test with. */
export interface TestStore {
  readonly name: Store['dialect']
  /** The file or the address, for a second process. */
  readonly location: string
  /** Opens the same database again on each call, as a second process would. */
  open(): Promise<Store>
  dispose(): Promise<void>
}

/** Why tests over PostgreSQL are skipped; false when they run. */
export const withoutPostgres = (): string | false =>
  process.env.OSTIARY_TEST_POSTGRES
    ? false
    : "PostgreSQL: set OSTIARY_TEST_POSTGRES to an administrator's URL (`tools/postgres.sh start DIR` prints one)"

/** One store per dialect at hand: PostgreSQL joins when OSTIARY_TEST_POSTGRES holds an administrator's URL. */
export async function testStores(): Promise<readonly TestStore[]> {
  return withoutPostgres() === false ? [await sqliteStore(), await postgresStore()] : [await sqliteStore()]
}

export async function sqliteStore(): Promise<TestStore> {
  const dir = await mkdtemp(join(tmpdir(), 'ostiary-store-'))
  const path = join(dir, 'state.sqlite')
  return {
    name: 'sqlite',
    location: path,
    open: () => openSqlite({ path }),
    dispose: () => rm(dir, { recursive: true, force: true }),
  }
}

/** A database of its own on the server of OSTIARY_TEST_POSTGRES. */
export async function postgresStore(): Promise<TestStore> {
  const admin = process.env.OSTIARY_TEST_POSTGRES ?? ''
  const name = `ostiary_test_${process.pid}_${Math.random().toString(36).slice(2, 10)}`
  await run(admin, `create database ${name}`)
  const url = new URL(admin)
  url.pathname = `/${name}`
  return {
    name: 'postgres',
    location: url.href,
    open: () => openPostgres({ url: url.href }),
    dispose: () => run(admin, `drop database ${name} with (force)`),
  }
}

export async function run(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
