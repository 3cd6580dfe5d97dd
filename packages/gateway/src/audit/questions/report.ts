import { sql } from 'kysely'
import type { EntryRow } from '../projection/tables.ts'
import type { Coverage, Found, Span, Tables } from './asked.ts'
import { found, Logs } from './asked.ts'
import type { Sums } from './report-sums.ts'
import { MAX_LISTED, sumsOf } from './report-sums.ts'
import type { TaskWords, Words } from './task-words.ts'
import { wordsOf } from './task-words.ts'

const DAY_MS = 86_400_000

/** The newest entries of a kind, and how many there are in all. */
export interface Listed<T = Found> {
  readonly total: number
  readonly newest: readonly T[]
}

/** What a report says, taken from the tables. */
export interface ReportFacts extends Sums {
  /** ISO 8601, UTC; whole days. `to` is the first moment that does not count. */
  readonly from: string
  readonly to: string
  readonly covers: readonly Coverage[]
  readonly tasks: Listed<Found & TaskWords>
  readonly approvals: Listed
  readonly locks: Listed
  readonly operators: Listed
  readonly questions: Listed
}

const TYPES = {
  tasks: ['task.opened', 'task.delegated'],
  approvals: ['flow.endorsed', 'lock.lift_proposed', 'operator.change_proposed'],
  locks: ['lock.set', 'lock.lifted'],
  questions: ['audit.queried', 'content.opened'],
}

/** @param span rounded outwards to whole days, which is what sums are kept by */
export async function reportFacts(db: Tables, span: Required<Span>, tell: Words): Promise<ReportFacts> {
  const logs = await Logs.of(db)
  const since = Math.floor((span.since ?? 0) / DAY_MS) * DAY_MS
  const until = Math.ceil((span.until ?? 0) / DAY_MS) * DAY_MS
  const within = { since, until }
  const tasks = await ofTypes(db, TYPES.tasks, within, logs)
  const words = await wordsOf(
    db,
    tasks.newest.flatMap(({ task }) => task ?? []),
    tell,
  )
  return {
    from: new Date(since).toISOString(),
    to: new Date(until).toISOString(),
    covers: logs.covers,
    ...(await sumsOf(db, within)),
    tasks: {
      total: tasks.total,
      newest: tasks.newest.map((row) => ({ ...row, ...words.get(row.task ?? '') })),
    },
    approvals: await ofTypes(db, TYPES.approvals, within, logs),
    locks: await ofTypes(db, TYPES.locks, within, logs),
    operators: await listed(
      entriesIn(db, within).where('e.operator', 'is not', null).where('e.type', 'not in', TYPES.questions),
      logs,
    ),
    questions: await ofTypes(db, TYPES.questions, within, logs),
  }
}

const entriesIn = (db: Tables, { since, until }: Required<Span>) =>
  db
    .selectFrom('projection_entries as e')
    .where('e.ts', '>=', since as number)
    .where('e.ts', '<', until as number)

/** Each type by itself: by its index the newest come first, while several at once would have to be sorted, all of them. */
async function ofTypes(
  db: Tables,
  types: readonly string[],
  within: Required<Span>,
  logs: Logs,
): Promise<Listed> {
  const each = await Promise.all(
    types.map((type) => listed(entriesIn(db, within).where('e.type', '=', type), logs)),
  )
  return {
    total: each.reduce((sum, { total }) => sum + total, 0),
    newest: each
      .flatMap(({ newest }) => newest)
      .sort((a, b) => b.at.localeCompare(a.at) || b.index - a.index)
      .slice(0, MAX_LISTED),
  }
}

async function listed(asked: ReturnType<typeof entriesIn>, logs: Logs): Promise<Listed> {
  const counted = await asked.select(sql<number>`count(*)`.as('total')).executeTakeFirst()
  const rows: EntryRow[] = await asked
    .selectAll('e')
    .orderBy('e.ts', 'desc')
    .orderBy('e.seq', 'desc')
    .limit(MAX_LISTED)
    .execute()
  return { total: Number(counted?.total ?? 0), newest: rows.map((row) => found(row, logs)) }
}

/** What a report is printed from. */
export interface Report extends ReportFacts {
  /** ISO 8601, UTC. */
  readonly generated_at: string
  readonly log: {
    readonly origin: string
    readonly size: number
    readonly vkey: string
    /** A signed note. */
    readonly checkpoint: string
    /** How far it can be believed without believing the host. */
    readonly level: string
  }
  /** The agents of now, by id. */
  readonly names: Readonly<Record<string, { name: string; sponsor: string; status: string }>>
}
