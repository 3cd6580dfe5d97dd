import type { Found, Page, Paging, Span, Tables } from './asked.ts'
import { Logs, pageOf } from './asked.ts'
import { newestFirst, withOutcomes } from './entries.ts'

export interface DidAsked extends Span {
  /** `agt_…` */
  readonly agent: string
  readonly instance?: string | undefined
  /** `server`, or `server/name`. */
  readonly tool?: string | undefined
  /** Only what was refused. */
  readonly denied?: boolean | undefined
}

/** What an agent did, and what was done for it and to it, newest first; each call with its outcome. */
export async function did(db: Tables, asked: DidAsked, paging: Paging): Promise<Page<Found>> {
  const logs = await Logs.of(db)
  let query = db
    .selectFrom('projection_entries as e')
    .selectAll('e')
    .where('e.agent', '=', asked.agent)
    // It is told with its intent.
    .where('e.type', '!=', 'call.outcome')
  if (asked.instance !== undefined) query = query.where('e.instance', '=', asked.instance)
  if (asked.denied) query = query.where('e.outcome', '=', 'denied')
  if (asked.tool !== undefined) {
    const slash = asked.tool.indexOf('/')
    query = query.where('e.server', '=', slash < 0 ? asked.tool : asked.tool.slice(0, slash))
    if (slash >= 0) query = query.where('e.name', '=', asked.tool.slice(slash + 1))
  }
  const rows = await newestFirst(query, asked, paging).execute()
  const shown = await withOutcomes(db, rows.slice(0, paging.count), logs)
  return pageOf(rows, paging.count, logs, () => shown)
}
