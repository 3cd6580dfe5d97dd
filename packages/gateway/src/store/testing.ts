import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { openPostgres } from './postgres.ts'
import { openSqlite } from './sqlite.ts'
import type { Store } from './store.ts'

/** A fresh, empty store to test with. */
export interface TestStore {
  readonly name: 'sqlite' | 'postgres'
  /** Opens the same database again on each call, as a second process would. */
  open(): Promise<Store>
  dispose(): Promise<void>
}

/** One store per dialect at hand: PostgreSQL joins when OSTIARY_TEST_POSTGRES holds an administrator's URL. */
export async function testStores(): Promise<readonly TestStore[]> {
  const admin = process.env.OSTIARY_TEST_POSTGRES
  const stores = [await sqliteStore()]
  if (admin !== undefined && admin !== '') stores.push(await postgresStore(admin))
  return stores
}

export async function sqliteStore(): Promise<TestStore & { path: string }> {
  const dir = await mkdtemp(join(tmpdir(), 'ostiary-store-'))
  const path = join(dir, 'state.sqlite')
  return {
    name: 'sqlite',
    path,
    open: () => openSqlite({ path }),
    dispose: () => rm(dir, { recursive: true, force: true }),
  }
}

async function postgresStore(admin: string): Promise<TestStore & { path: string }> {
  const name = `ostiary_test_${process.pid}_${Math.random().toString(36).slice(2, 10)}`
  await run(admin, `create database ${name}`)
  const url = new URL(admin)
  url.pathname = `/${name}`
  return {
    name: 'postgres',
    path: url.href,
    open: () => openPostgres({ url: url.href }),
    dispose: () => run(admin, `drop database ${name} with (force)`),
  }
}

async function run(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(statement)
  await client.end()
}
