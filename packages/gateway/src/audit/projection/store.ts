import type { Batch } from './rows.ts'

export type Parameter = string | number | null
export type Row = Readonly<Record<string, unknown>>

/**
 * Where the searchable tables of one log are. Disposable: everything in it can be made again from the log.
 * `add` MUST write the rows and the new index in one transaction, MUST leave out what is there already, and MUST refuse a gap with
 * {@link ProjectionGap}. `query` MUST NOT be able to change anything. `clear` MUST NOT touch rows of other logs.
 */
export interface ProjectionStore extends AsyncDisposable {
  readonly dialect: 'sqlite' | 'postgres'
  /** Number of this log in the tables. */
  readonly log: number
  query(sql: string, parameters: readonly Parameter[]): Promise<readonly Row[]>
  /** Adds the rows of the entries from index `from` on. @throws ProjectionGap when entries before them are missing */
  add(from: number, batch: Batch): Promise<void>
  /** Everything there is has been added: does what waited for it. @returns what people have to know, e.g. rows in no partition */
  settle(): Promise<string | undefined>
  clear(): Promise<void>
}

/** Somebody else emptied the tables, or another process wrote to them: the caller asks again how far they are. */
export class ProjectionGap extends Error {
  override name = 'ProjectionGap'
}
