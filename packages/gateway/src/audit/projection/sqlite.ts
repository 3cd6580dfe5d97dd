import { closeSync, openSync, rmSync } from 'node:fs'
import SqliteDatabase from 'better-sqlite3'
import type { Batch } from './rows.ts'
import { agentDaysOf, hoursOf, restOf } from './rows.ts'
import type { Parameter, ProjectionStore, Row } from './store.ts'
import { ProjectionGap } from './store.ts'
import {
  AGENT_DAY_COLUMNS,
  ENTRY_COLUMNS,
  HOUR_COLUMNS,
  SUBJECT_COLUMNS,
  TABLES_VERSION,
  TASK_COLUMNS,
} from './tables.ts'

const LOG = 1

/** Pages of 4 KB. */
const CACHE_PAGES = 16_384

const columns = (list: readonly (readonly [string, string, string?])[]): string =>
  list
    .map(([name, type, nullable]) => {
      if (name === 'seq' && list === ENTRY_COLUMNS) return 'seq integer primary key'
      return `${name} ${type === 'number' ? 'integer' : 'text'}${nullable ? '' : ' not null'}`
    })
    .join(', ')

const TABLES = `
  create table projection_logs (id integer primary key, origin text not null, projected integer not null) strict;
  create table projection_entries (${columns(ENTRY_COLUMNS)}) strict;
  create table projection_subjects (${columns(SUBJECT_COLUMNS)}) strict;
  create table projection_tasks (${columns(TASK_COLUMNS)}, primary key (task)) strict, without rowid;
  create table projection_hours (${columns(HOUR_COLUMNS)},
    primary key (hour, type, server, name, outcome, code)) strict, without rowid;
  create table projection_agent_days (${columns(AGENT_DAY_COLUMNS)},
    primary key (day, agent, type, code)) strict, without rowid;
`

/** Made when everything is in: a long load is several times faster without them. */
const INDEXES = `
  create index if not exists projection_by_subject on projection_subjects (subject, ts, seq, log);
  create index if not exists projection_by_time on projection_entries (ts);
  create index if not exists projection_by_type on projection_entries (type, ts);
  create index if not exists projection_by_agent on projection_entries (agent, ts);
  create index if not exists projection_by_task on projection_entries (task, ts) where task is not null;
  create index if not exists projection_by_call on projection_entries (call) where call is not null;
  create index if not exists projection_by_trace on projection_entries (trace) where trace is not null;
  create index if not exists projection_denied on projection_entries (ts) where outcome = 'denied';
  create index if not exists projection_by_operator on projection_entries (ts) where operator is not null;
  create index if not exists projection_tasks_by_parent on projection_tasks (parent) where parent is not null;
`

/**
 * The tables in a file of their own, which holds nothing that the log does not. What cannot be opened, is damaged, of another version or
 * of another log is deleted and begun anew. Not synced: what a power cut takes is projected again.
 */
export function openSqliteProjection(path: string, origin: string): ProjectionStore {
  let db = open(path, origin)
  const started = () => ({
    reading: reader(path),
    writing: statements(db),
  })
  let now = started()
  const close = () => {
    now.reading.close()
    db.close()
  }
  return {
    dialect: 'sqlite',
    log: LOG,
    query: async (sql, parameters) => now.reading.all(sql, parameters),
    add: async (from, batch) => now.writing.add(from, batch),
    async settle() {
      db.exec(INDEXES)
      return undefined
    },
    async clear() {
      close()
      remove(path)
      db = open(path, origin)
      now = started()
    },
    async [Symbol.asyncDispose]() {
      close()
    },
  }
}

function open(path: string, origin: string): SqliteDatabase.Database {
  try {
    return connect(path, origin)
  } catch {
    remove(path)
    return connect(path, origin)
  }
}

const remove = (path: string): void => {
  for (const part of ['', '-wal', '-shm']) rmSync(`${path}${part}`, { recursive: true, force: true })
}

function connect(path: string, origin: string): SqliteDatabase.Database {
  closeSync(openSync(path, 'a', 0o600))
  const db = new SqliteDatabase(path)
  try {
    db.pragma('journal_mode = wal')
    db.pragma('synchronous = normal')
    db.pragma(`cache_size = ${CACHE_PAGES}`)
    // A long load writes the same pages again and again; each check point writes them once more, and waits for the disk.
    db.pragma(`wal_autocheckpoint = ${CACHE_PAGES / 2}`)
    db.pragma('trusted_schema = off')
    if (db.pragma('user_version', { simple: true }) === 0) {
      db.transaction(() => {
        db.exec(TABLES)
        db.prepare('insert into projection_logs values (?, ?, 0)').run(LOG, origin)
        db.pragma(`user_version = ${TABLES_VERSION}`)
      }).immediate()
    }
    const isOurs =
      db.pragma('user_version', { simple: true }) === TABLES_VERSION &&
      db.prepare('select origin from projection_logs where id = ?').pluck().get(LOG) === origin
    if (!isOurs) throw new Error('it is of another version or of another log')
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

/** A connection of its own that SQLite lets read only, whatever the statement says. */
function reader(path: string) {
  const db = new SqliteDatabase(path, { readonly: true })
  db.pragma(`cache_size = ${CACHE_PAGES}`)
  return {
    all: (sql: string, parameters: readonly Parameter[]) => db.prepare(sql).all(...parameters) as Row[],
    close: () => db.close(),
  }
}

function statements(db: SqliteDatabase.Database) {
  const insert = (table: string, list: readonly (readonly [string, ...unknown[]])[], more = '') =>
    db.prepare(
      `insert into ${table} (${list.map(([name]) => name).join(', ')}) values (${list.map(([name]) => `@${name}`).join(', ')}) ${more}`,
    )
  const entry = insert('projection_entries', ENTRY_COLUMNS)
  const subject = insert('projection_subjects', SUBJECT_COLUMNS)
  const task = insert('projection_tasks', TASK_COLUMNS, 'on conflict do nothing')
  const hour = insert(
    'projection_hours',
    HOUR_COLUMNS,
    'on conflict do update set entries = entries + excluded.entries, bytes = bytes + excluded.bytes, ms = ms + excluded.ms',
  )
  const agentDay = insert(
    'projection_agent_days',
    AGENT_DAY_COLUMNS,
    'on conflict do update set entries = entries + excluded.entries, bytes = bytes + excluded.bytes',
  )
  const projected = db.prepare('select projected from projection_logs where id = ?').pluck()
  const advance = db.prepare('update projection_logs set projected = ? where id = ?')
  const add = db.transaction((from: number, batch: Batch) => {
    const done = projected.get(LOG) as number
    if (from > done) throw new ProjectionGap(`${done} entries are projected, these begin at ${from}`)
    const { entries, subjects, tasks } = restOf(batch, done)
    for (const row of entries) entry.run(row)
    for (const row of subjects) subject.run(row)
    for (const row of tasks) task.run(row)
    for (const row of hoursOf(entries)) hour.run(row)
    for (const row of agentDaysOf(entries)) agentDay.run(row)
    advance.run(Math.max(done, from + batch.entries.length), LOG)
  })
  return { add: add.immediate }
}
