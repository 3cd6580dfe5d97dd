import type { Expression, SqlBool } from 'kysely'
import { sql } from 'kysely'
import type { Coverage, Found, Span, Tables } from './asked.ts'
import { found, Logs } from './asked.ts'
import type { TaskWords, Words } from './task-words.ts'
import { wordsOf } from './task-words.ts'

/** Rows that one list of the report shows; what is beyond is counted. */
const MAX_LISTED = 200
const HOUR_MS = 3_600_000

/** The newest entries of a kind, and how many there are in all. */
export interface Listed<T = Found> {
  readonly total: number
  readonly newest: readonly T[]
}

export interface Sum {
  readonly entries: number
  readonly bytes: number
}

/** What a report says, taken from the tables. */
export interface ReportFacts {
  /** ISO 8601, UTC; whole hours. `to` is the first moment that does not count. */
  readonly from: string
  readonly to: string
  readonly covers: readonly Coverage[]
  readonly agents: readonly { agent: string; calls: number; denied: number; bytes: number }[]
  readonly tasks: Listed<Found & TaskWords>
  readonly calls: readonly ({ server: string; name: string; outcome: string } & Sum)[]
  readonly denials: readonly ({ code: string; server: string } & Sum)[]
  readonly budgets: readonly ({ agent: string; code: string } & Sum)[]
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
} as const

/** @param span rounded outwards to whole hours, which is what the sums are kept by */
export async function reportFacts(db: Tables, span: Required<Span>, tell: Words): Promise<ReportFacts> {
  const logs = await Logs.of(db)
  const since = Math.floor((span.since ?? 0) / HOUR_MS) * HOUR_MS
  const until = Math.ceil((span.until ?? 0) / HOUR_MS) * HOUR_MS
  const sums = db
    .selectFrom('projection_hours as h')
    .where('h.hour', '>=', since)
    .where('h.hour', '<', until)
    .select([
      sql<number>`cast(sum(h.entries) as bigint)`.as('entries'),
      sql<number>`cast(sum(h.bytes) as bigint)`.as('bytes'),
    ])

  const list = async (where: Expression<SqlBool>): Promise<Listed> => {
    const asked = db
      .selectFrom('projection_entries as e')
      .where('e.ts', '>=', since)
      .where('e.ts', '<', until)
      .where(where)
    const counted = await asked.select(sql<number>`count(*)`.as('total')).executeTakeFirst()
    const rows = await asked
      .selectAll('e')
      .orderBy('e.ts', 'desc')
      .orderBy('e.seq', 'desc')
      .limit(MAX_LISTED)
      .execute()
    return { total: Number(counted?.total ?? 0), newest: rows.map((row) => found(row, logs)) }
  }
  const ofTypes = (types: readonly string[]) => list(sql<SqlBool>`e.type in (${sql.join(types)})`)

  const agents = await db
    .selectFrom('projection_hours as h')
    .where('h.hour', '>=', since)
    .where('h.hour', '<', until)
    .where('h.agent', '!=', '')
    .where('h.type', 'in', ['call.intent', 'call.denied', 'call.outcome'])
    .groupBy('h.agent')
    .orderBy('h.agent')
    .select([
      'h.agent',
      sql<number>`cast(sum(case when h.type = 'call.intent' then h.entries else 0 end) as bigint)`.as(
        'calls',
      ),
      sql<number>`cast(sum(case when h.type = 'call.denied' then h.entries else 0 end) as bigint)`.as(
        'denied',
      ),
      sql<number>`cast(sum(case when h.type = 'call.outcome' then h.bytes else 0 end) as bigint)`.as('bytes'),
    ])
    .execute()
  const calls = await sums
    .where('h.type', 'in', ['call.intent', 'call.denied'])
    .groupBy(['h.server', 'h.name', 'h.outcome'])
    .select(['h.server', 'h.name', 'h.outcome'])
    .orderBy('entries', 'desc')
    .limit(MAX_LISTED)
    .execute()
  const denials = await sums
    .where('h.outcome', '=', 'denied')
    .groupBy(['h.code', 'h.server'])
    .select(['h.code', 'h.server'])
    .orderBy('entries', 'desc')
    .limit(MAX_LISTED)
    .execute()
  const budgets = await sums
    .where('h.code', 'in', ['BUDGET_SPENT', 'RATE_LIMITED'])
    .groupBy(['h.agent', 'h.code'])
    .select(['h.agent', 'h.code'])
    .orderBy('entries', 'desc')
    .limit(MAX_LISTED)
    .execute()
  const tasks = await ofTypes(TYPES.tasks)
  const words = await wordsOf(
    db,
    tasks.newest.flatMap(({ task }) => task ?? []),
    tell,
  )
  return {
    from: new Date(since).toISOString(),
    to: new Date(until).toISOString(),
    covers: logs.covers,
    agents,
    tasks: {
      total: tasks.total,
      newest: tasks.newest.map((row) => ({ ...row, ...words.get(row.task ?? '') })),
    },
    calls,
    denials,
    budgets,
    approvals: await ofTypes(TYPES.approvals),
    locks: await ofTypes(TYPES.locks),
    operators: await list(
      sql<SqlBool>`e.operator is not null and e.type not in (${sql.join(TYPES.questions)})`,
    ),
    questions: await ofTypes(TYPES.questions),
  }
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
  }
  /** The agents of now, by id. */
  readonly names: Readonly<Record<string, { name: string; sponsor: string; status: string }>>
}
