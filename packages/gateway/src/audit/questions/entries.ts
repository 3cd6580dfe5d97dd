import type { SelectQueryBuilder } from 'kysely'
import { sql } from 'kysely'
import type { EntryRow, ProjectionTables } from '../projection/tables.ts'
import type { Found, Logs, Paging, Place, Span, Tables } from './asked.ts'
import { found } from './asked.ts'

/** A question about entries, or about something that stands in the same places. */
type Asked<From extends Place, Row> = SelectQueryBuilder<ProjectionTables & { e: From }, 'e', Row>

/** Newest first, one more than the page has, beginning behind where the last page ended. */
export function newestFirst<Row>(
  query: Asked<Place, Row>,
  { since, until }: Span,
  { count, after }: Paging,
): Asked<Place, Row> {
  let asked = query
    .orderBy('e.ts', 'desc')
    .orderBy('e.seq', 'desc')
    .orderBy('e.log', 'desc')
    .limit(count + 1)
  if (since !== undefined) asked = asked.where('e.ts', '>=', since)
  if (until !== undefined) asked = asked.where('e.ts', '<', until)
  if (after === undefined) return asked
  // The first condition is what the index is good for; the second is what is meant.
  return asked.where('e.ts', '<=', after.ts).where(sql<boolean>`(e.ts, e.seq, e.log) < (${placed(after)})`)
}

/** The same, oldest first. */
export function oldestFirst<Row>(query: Asked<Place, Row>, { count, after }: Paging): Asked<Place, Row> {
  const asked = query
    .orderBy('e.ts')
    .orderBy('e.seq')
    .orderBy('e.log')
    .limit(count + 1)
  if (after === undefined) return asked
  return asked.where('e.ts', '>=', after.ts).where(sql<boolean>`(e.ts, e.seq, e.log) > (${placed(after)})`)
}

const placed = ({ ts, seq, log }: Place) => sql.join([ts, seq, log])

/** What became of the calls among these rows: an intent that has no outcome was still open, or its process died. */
export async function withOutcomes(db: Tables, rows: readonly EntryRow[], logs: Logs): Promise<Found[]> {
  const calls = rows.flatMap(({ type, call }) => (type === 'call.intent' && call !== null ? [call] : []))
  const outcomes = await rowsOfCalls(db, calls, 'call.outcome')
  const byCall = new Map(outcomes.map((row) => [`${row.log} ${row.call}`, row]))
  return rows.map((row) => {
    const outcome = row.type === 'call.intent' ? byCall.get(`${row.log} ${row.call}`) : undefined
    if (!outcome) return found(row, logs)
    const { outcome: result, code, bytes, ms } = found(outcome, logs)
    return {
      ...found(row, logs),
      ...(result === undefined ? {} : { outcome: result }),
      ...(code === undefined ? {} : { code }),
      ...(bytes === undefined ? {} : { bytes }),
      ...(ms === undefined ? {} : { ms }),
      outcome_index: outcome.seq,
    }
  })
}

export async function rowsOfCalls(
  db: Tables,
  calls: readonly string[],
  type: string,
): Promise<readonly EntryRow[]> {
  if (calls.length === 0) return []
  const rows = await db
    .selectFrom('projection_entries as e')
    .selectAll('e')
    .where('e.call', 'in', [...new Set(calls)])
    .execute()
  // Not asked of the database: a call has few entries, and a planner that took the index of types would read millions.
  return rows.filter((row) => row.type === type)
}
