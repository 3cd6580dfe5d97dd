import type { EntryRow } from '../projection/tables.ts'
import type { Found, Page, Paging, Span, Tables } from './asked.ts'
import { found, Logs, pageOf } from './asked.ts'
import { newestFirst } from './entries.ts'

/** Past decisions of policy, newest first: calls that were allowed, and those that policy itself refused. */
export async function decisions(db: Tables, span: Span, paging: Paging): Promise<Page<Found>> {
  const logs = await Logs.of(db)
  const entries = db.selectFrom('projection_entries as e').selectAll('e')
  // Each by its own index; what both find is merged here.
  const [allowed, denied] = (await Promise.all([
    newestFirst(entries.where('e.type', '=', 'call.intent'), span, paging).execute(),
    newestFirst(
      entries
        .where('e.type', '=', 'call.denied')
        .where('e.code', 'in', ['POLICY_FORBIDDEN', 'POLICY_NOT_PERMITTED', 'POLICY_ERROR']),
      span,
      paging,
    ).execute(),
  ])) as [EntryRow[], EntryRow[]]
  const rows = [...allowed, ...denied].sort((a, b) => b.ts - a.ts || b.seq - a.seq || b.log - a.log)
  return pageOf(rows, paging.count, logs, (kept) => kept.map((row) => found(row, logs)))
}
