import pg from 'pg'
import { unavailable } from '../../store/postgres-url.ts'
import { ensurePartition, monthOf, monthsFor, PARTITIONED } from './partitions.ts'
import type { Batch } from './rows.ts'
import { agentDaysOf, hoursOf, restOf } from './rows.ts'
import type { ProjectionStore } from './store.ts'
import { ProjectionGap } from './store.ts'
import {
  AGENT_DAY_COLUMNS,
  ENTRY_COLUMNS,
  HOUR_COLUMNS,
  SUBJECT_COLUMNS,
  TABLES_VERSION,
  TASK_COLUMNS,
} from './tables.ts'

const INT8 = 20
const STATEMENT_MS = 60_000
/** Any number that no other program uses for an advisory lock in this database. */
const LOCK = 7_069_843

type Columns = readonly (readonly [string, 'number' | 'text', string?])[]

const columns = (list: Columns): string =>
  list
    .map(
      ([name, type, nullable]) =>
        `${name} ${type === 'number' ? 'bigint' : 'text collate "C"'}${nullable ? '' : ' not null'}`,
    )
    .join(', ')

const TABLES = `
  create table projection_version (version integer not null);
  insert into projection_version values (${TABLES_VERSION});
  create table projection_logs (
    id bigint generated always as identity primary key, origin text not null unique, projected bigint not null);
  create table projection_entries (${columns(ENTRY_COLUMNS)}, primary key (ts, seq, log)) partition by range (ts);
  create table projection_subjects (${columns(SUBJECT_COLUMNS)}, primary key (subject, ts, seq, log)) partition by range (ts);
  ${PARTITIONED.map((table) => `create table ${table}_default partition of ${table} default;`).join('\n')}
  create table projection_tasks (${columns(TASK_COLUMNS)}, primary key (task, log));
  create index projection_tasks_by_parent on projection_tasks (parent) where parent is not null;
  create table projection_hours (${columns(HOUR_COLUMNS)},
    primary key (hour, log, type, server, name, outcome, code));
  create table projection_agent_days (${columns(AGENT_DAY_COLUMNS)}, primary key (day, log, agent, type, code));
  create index projection_by_block on projection_entries using brin (ts) with (pages_per_range = 32);
  create index projection_by_seq on projection_entries (log, seq);
  create index projection_by_type on projection_entries (type, ts);
  create index projection_by_agent on projection_entries (agent, ts desc, seq desc);
  create index projection_by_task on projection_entries (task, ts) where task is not null;
  create index projection_by_call on projection_entries (call) where call is not null;
  create index projection_by_trace on projection_entries (trace) where trace is not null;
  create index projection_by_operator on projection_entries (ts) where operator is not null;
  create index projection_denied on projection_entries (ts) where outcome = 'denied';
`
const NAMES = ['version', 'logs', 'entries', 'subjects', 'tasks', 'hours', 'agent_days'].map(
  (name) => `projection_${name}`,
)

/**
 * The tables on a server that several gateways share, each with the rows of its own log, cut into months.
 * @throws StoreUnavailable when the server cannot be reached; the message holds no password
 */
export async function openPostgresProjection(
  url: string,
  origin: string,
  now: () => number = Date.now,
): Promise<ProjectionStore> {
  const pool = (more: pg.PoolConfig) => {
    const types = new pg.TypeOverrides()
    types.setTypeParser(INT8, Number)
    const opened = new pg.Pool({
      connectionString: url,
      types,
      connectionTimeoutMillis: 5000,
      statement_timeout: STATEMENT_MS,
      query_timeout: STATEMENT_MS + 5000,
      keepAlive: true,
      application_name: 'ostiary projection',
      ...more,
    })
    opened.on('error', () => {})
    return opened
  }
  const writing = pool({ max: 1 })
  // The server itself refuses to write on these, whatever the statement says.
  const reading = pool({ max: 3, options: '-c default_transaction_read_only=on' })
  try {
    const log = await transaction(writing, (client) => create(client, origin, now()))
    return new PostgresProjection({ writing, reading, log, now })
  } catch (error) {
    await Promise.all([writing.end(), reading.end()])
    throw unavailable(url, error)
  }
}

/** @returns the number of the log */
async function create(client: pg.PoolClient, origin: string, now: number): Promise<number> {
  await client.query('select pg_advisory_xact_lock($1)', [LOCK])
  const { rows } = await client.query<{ there: boolean }>(
    "select to_regclass('projection_version') is not null as there",
  )
  const version = rows[0]?.there
    ? (await client.query<{ version: number }>('select version from projection_version')).rows[0]?.version
    : undefined
  if (version !== TABLES_VERSION) {
    await client.query(`drop table if exists ${NAMES.join(', ')} cascade`)
    await client.query(TABLES)
  }
  await client.query(
    'insert into projection_logs (origin, projected) values ($1, 0) on conflict do nothing',
    [origin],
  )
  for (const month of monthsFor([], now)) await ensurePartition(client, month)
  const found = await client.query<{ id: number }>('select id from projection_logs where origin = $1', [
    origin,
  ])
  return (found.rows[0] as { id: number }).id
}

interface Opened {
  readonly writing: pg.Pool
  readonly reading: pg.Pool
  readonly log: number
  now(): number
}

class PostgresProjection implements ProjectionStore {
  readonly dialect = 'postgres'
  readonly log: number
  readonly #d: Opened
  /** Months whose partitions are known to be there. */
  #months = new Set<string>()

  constructor(opened: Opened) {
    this.#d = opened
    this.log = opened.log
  }

  async query(sql: string, parameters: readonly unknown[]) {
    return (await this.#d.reading.query(sql, [...parameters])).rows
  }

  async add(from: number, batch: Batch): Promise<void> {
    await this.#ensureMonths(batch)
    await transaction(this.#d.writing, async (client) => {
      const { rows } = await client.query<{ projected: number }>(
        'select projected from projection_logs where id = $1 for update',
        [this.log],
      )
      const done = rows[0]?.projected ?? 0
      if (from > done) throw new ProjectionGap(`${done} entries are projected, these begin at ${from}`)
      const { entries, subjects, tasks } = restOf(batch, done)
      await insert(client, 'projection_entries', ENTRY_COLUMNS, entries)
      await insert(client, 'projection_subjects', SUBJECT_COLUMNS, subjects)
      await insert(client, 'projection_tasks', TASK_COLUMNS, tasks, 'on conflict do nothing')
      await insert(
        client,
        'projection_hours',
        HOUR_COLUMNS,
        hoursOf(entries),
        `on conflict (hour, log, type, server, name, outcome, code) do update set
          entries = projection_hours.entries + excluded.entries,
          bytes = projection_hours.bytes + excluded.bytes, ms = projection_hours.ms + excluded.ms`,
      )
      await insert(
        client,
        'projection_agent_days',
        AGENT_DAY_COLUMNS,
        agentDaysOf(entries),
        `on conflict (day, log, agent, type, code) do update set
          entries = projection_agent_days.entries + excluded.entries,
          bytes = projection_agent_days.bytes + excluded.bytes`,
      )
      await client.query('update projection_logs set projected = greatest(projected, $2) where id = $1', [
        this.log,
        from + batch.entries.length,
      ])
    })
  }

  async settle(): Promise<string | undefined> {
    const { rows } = await this.#d.reading.query<{ astray: boolean }>(
      'select exists (select from projection_entries_default) as astray',
    )
    return rows[0]?.astray
      ? 'The searchable tables hold entries whose time is in no month there should be (projection_entries_default). Check the clocks of the gateways.'
      : undefined
  }

  async clear(): Promise<void> {
    await transaction(this.#d.writing, async (client) => {
      // A table of years takes longer than any other statement may.
      await client.query('set local statement_timeout = 0')
      for (const table of ['entries', 'subjects', 'tasks', 'hours', 'agent_days']) {
        await client.query(`delete from projection_${table} where log = $1`, [this.log])
      }
      await client.query('update projection_logs set projected = 0 where id = $1', [this.log])
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#d.writing.end(), this.#d.reading.end()])
  }

  /** Also two months ahead of today, whenever rows of a new month come. */
  async #ensureMonths({ entries }: Batch): Promise<void> {
    const now = this.#d.now()
    const months = [...new Set(entries.map(({ ts }) => monthOf(ts).name)), monthOf(now).name]
    if (months.every((name) => this.#months.has(name))) return
    await transaction(this.#d.writing, async (client) => {
      await client.query('select pg_advisory_xact_lock($1)', [LOCK])
      for (const month of monthsFor(
        entries.map(({ ts }) => ts),
        now,
      ))
        await ensurePartition(client, month)
    })
    for (const name of months) this.#months.add(name)
  }
}

/** Column by column, so that a batch is one statement of a fixed shape. */
async function insert(
  client: pg.PoolClient,
  table: string,
  list: Columns,
  rows: readonly object[],
  more = '',
): Promise<void> {
  if (rows.length === 0) return
  const names = list.map(([name]) => name)
  const arrays = list.map(([, type], i) => `$${i + 1}::${type === 'number' ? 'bigint' : 'text'}[]`)
  await client.query({
    name: table,
    text: `insert into ${table} (${names.join(', ')}) select * from unnest(${arrays.join(', ')}) ${more}`,
    values: names.map((name) => rows.map((row) => (row as Record<string, unknown>)[name])),
  })
}

async function transaction<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    const result = await work(client)
    await client.query('commit')
    return result
  } catch (error) {
    await client.query('rollback').catch(() => {})
    throw error
  } finally {
    client.release()
  }
}
