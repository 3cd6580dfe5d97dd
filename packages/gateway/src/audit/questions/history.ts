import { sql } from 'kysely'
import type { Tables } from './asked.ts'

/**
 * Indexes of the entries of one log about an agent or one of its instances, newest first, behind the entry `before`. By time and not by
 * index, as the tables are sorted: where the clock went back, the two differ.
 */
export async function historyOf(
  db: Tables,
  who: { readonly log: string; readonly agent: string; readonly instance: string | undefined },
  page: { readonly count: number; readonly before: number | undefined },
): Promise<{ readonly indexes: readonly number[]; readonly before: number | undefined }> {
  let query = db
    .selectFrom('projection_entries as e')
    .innerJoin('projection_logs as l', 'l.id', 'e.log')
    .select('e.seq')
    .where('l.origin', '=', who.log)
    .where('e.agent', '=', who.agent)
    .orderBy('e.ts', 'desc')
    .orderBy('e.seq', 'desc')
    .limit(page.count + 1)
  if (who.instance !== undefined) query = query.where('e.instance', '=', who.instance)
  if (page.before !== undefined) {
    const { before } = page
    const last = await db
      .selectFrom('projection_entries as e')
      .innerJoin('projection_logs as l', 'l.id', 'e.log')
      .select('e.ts')
      .where('l.origin', '=', who.log)
      .where('e.seq', '=', before)
      .executeTakeFirst()
    // An index that the log has not reached yet is behind nothing.
    if (last)
      query = query.where('e.ts', '<=', last.ts).where(sql<boolean>`(e.ts, e.seq) < (${last.ts}, ${before})`)
  }
  const found = (await query.execute()).map(({ seq }) => seq)
  const indexes = found.slice(0, page.count)
  return { indexes, before: found.length > page.count ? indexes.at(-1) : undefined }
}

/** Indexes of the entries of one log about one call, oldest first. */
export async function indexesOfCall(db: Tables, log: string, call: string): Promise<readonly number[]> {
  const rows = await db
    .selectFrom('projection_entries as e')
    .innerJoin('projection_logs as l', 'l.id', 'e.log')
    .select('e.seq')
    .where('l.origin', '=', log)
    .where('e.call', '=', call)
    .orderBy('e.seq')
    .limit(1000)
    .execute()
  return rows.map(({ seq }) => seq)
}
