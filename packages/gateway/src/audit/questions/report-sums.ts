import { sql } from 'kysely'
import type { Span, Tables } from './asked.ts'

/** Rows that one table of the report shows. */
export const MAX_LISTED = 200

interface Count {
  readonly entries: number
}

/** Sums of a time, from the tables that hold sums. */
export interface Sums {
  readonly agents: readonly { agent: string; calls: number; denied: number; bytes: number }[]
  readonly calls: readonly ({ server: string; name: string; outcome: string } & Count)[]
  readonly denials: readonly ({ code: string; server: string } & Count)[]
  readonly budgets: readonly ({ agent: string; code: string } & Count)[]
}

/** @param span whole days */
export async function sumsOf(db: Tables, { since, until }: Required<Span>): Promise<Sums> {
  const hours = db
    .selectFrom('projection_hours as h')
    .where('h.hour', '>=', since as number)
    .where('h.hour', '<', until as number)
    .select(sum('h.entries').as('entries'))
    .orderBy('entries', 'desc')
    .limit(MAX_LISTED)
  const days = db
    .selectFrom('projection_agent_days as d')
    .where('d.day', '>=', since as number)
    .where('d.day', '<', until as number)
  const of = (type: string, amount: string) =>
    sql<number>`cast(sum(case when d.type = ${type} then ${sql.ref(amount)} else 0 end) as bigint)`
  return {
    agents: await days
      .where('d.type', 'in', ['call.intent', 'call.denied', 'call.outcome'])
      .groupBy('d.agent')
      .select([
        'd.agent',
        of('call.intent', 'd.entries').as('calls'),
        of('call.denied', 'd.entries').as('denied'),
        of('call.outcome', 'd.bytes').as('bytes'),
      ])
      .orderBy('d.agent')
      .execute(),
    calls: await hours
      .where('h.type', 'in', ['call.intent', 'call.denied'])
      .groupBy(['h.server', 'h.name', 'h.outcome'])
      .select(['h.server', 'h.name', 'h.outcome'])
      .execute(),
    denials: await hours
      .where('h.outcome', '=', 'denied')
      .groupBy(['h.code', 'h.server'])
      .select(['h.code', 'h.server'])
      .execute(),
    budgets: await days
      .where('d.code', 'in', ['BUDGET_SPENT', 'RATE_LIMITED'])
      .groupBy(['d.agent', 'd.code'])
      .select(['d.agent', 'd.code', sum('d.entries').as('entries')])
      .orderBy('entries', 'desc')
      .limit(MAX_LISTED)
      .execute(),
  }
}

/** PostgreSQL sums bigint to numeric, which would come as text. */
const sum = (column: string) => sql<number>`cast(sum(${sql.ref(column)}) as bigint)`
