import type { Kysely } from 'kysely'
import type { EntryRow, ProjectionTables } from '../projection/tables.ts'

/** What questions are put to. */
export type Tables = Kysely<ProjectionTables>

/** Epoch milliseconds; `until` is the first that does not count. */
export interface Span {
  readonly since?: number | undefined
  readonly until?: number | undefined
}

export interface Paging {
  readonly count: number
  /** Where the page before ended. */
  readonly after?: Place | undefined
}

/** Where an entry stands among those of all logs. */
export type Place = Pick<EntryRow, 'ts' | 'seq' | 'log'>

/** Up to where an answer covers each log. */
export interface Coverage {
  /** Name of the log. */
  readonly log: string
  /** The first entry, where it is not that of the log. */
  readonly from?: number
  /** Entries: those below this index. */
  readonly size: number
}

export interface Page<T> {
  readonly rows: readonly T[]
  /** Where the next page begins; undefined when there is none. */
  readonly next: string | undefined
  readonly covers: readonly Coverage[]
}

/** One entry in an answer. With `log` and `index` it can be shown and proved: `ostiary audit show <index> --receipt`. */
export interface Found {
  readonly log: string
  readonly index: number
  /** ISO 8601, UTC. */
  readonly at: string
  readonly type: string
  readonly agent?: string
  readonly instance?: string
  readonly operator?: string
  readonly task?: string
  readonly call?: string
  readonly server?: string
  readonly name?: string
  readonly method?: string
  readonly outcome?: string
  readonly code?: string
  readonly trace?: string
  readonly span?: string
  readonly bytes?: number
  readonly ms?: number
  /** The entry that says how the call ended. */
  readonly outcome_index?: number
}

/** Names of the logs by their number in the tables, and how far each is. */
export class Logs {
  readonly #rows: readonly { readonly id: number; readonly origin: string; readonly projected: number }[]

  private constructor(rows: Logs['all']) {
    this.#rows = rows
  }

  static async of(db: Tables): Promise<Logs> {
    return new Logs(await db.selectFrom('projection_logs').selectAll().orderBy('id').execute())
  }

  get all() {
    return this.#rows
  }

  nameOf(log: number): string {
    return this.#rows.find(({ id }) => id === log)?.origin ?? String(log)
  }

  get covers(): readonly Coverage[] {
    return this.#rows.map(({ origin, projected }) => ({ log: origin, size: projected }))
  }
}

export function found(row: EntryRow, logs: Logs): Found {
  const { log, seq, ts, type } = row
  const said = (name: keyof EntryRow & keyof Found) => (row[name] === null ? {} : { [name]: row[name] })
  return {
    log: logs.nameOf(log),
    index: seq,
    at: new Date(ts).toISOString(),
    type,
    ...said('agent'),
    ...said('instance'),
    ...said('operator'),
    ...said('task'),
    ...said('call'),
    ...said('server'),
    ...said('name'),
    ...said('method'),
    ...said('outcome'),
    ...said('code'),
    ...said('trace'),
    ...said('span'),
    ...said('bytes'),
    ...said('ms'),
  }
}

export const cursorOf = ({ ts, seq, log }: Place): string => `${ts}.${seq}.${log}`

/** Undefined when the text is no cursor of ours. */
export function placeOf(cursor: string): Place | undefined {
  const [, ts, seq, log] = /^(\d{1,16})\.(\d{1,16})\.(\d{1,9})$/.exec(cursor) ?? []
  return log === undefined ? undefined : { ts: Number(ts), seq: Number(seq), log: Number(log) }
}

/** A page from the `count + 1` rows that were asked for. */
export function pageOf<R extends Place, T>(
  rows: readonly R[],
  count: number,
  logs: Logs,
  shown: (rows: readonly R[]) => readonly T[],
): Page<T> {
  const kept = rows.slice(0, count)
  const last = kept.at(-1)
  return {
    rows: shown(kept),
    next: rows.length > count && last ? cursorOf(last) : undefined,
    covers: logs.covers,
  }
}
