import type { Kysely } from 'kysely'
import type { LogFolder } from '../log-folder.ts'
import { questionsOver } from './over.ts'
import { RowMaker } from './row-maker.ts'
import type { ProjectionStore } from './store.ts'
import { ProjectionGap } from './store.ts'
import type { ProjectionTables } from './tables.ts'

/** Entries of one transaction: whole bundles of the log, few enough that a question never waits long behind them. */
const BATCH = 2048

export interface Progress {
  /** Entries in the tables. */
  readonly projected: number
  /** Entries that the newest checkpoint covers. */
  readonly size: number
  /** What people have to know. */
  readonly warning: string | undefined
}

/** Brings the tables up to what the log has published. Running it twice, or after a crash at any step, makes the same rows. */
export class Projector {
  readonly #store: ProjectionStore
  readonly #folder: Pick<LogFolder, 'checkpoint' | 'entries'>
  readonly #db: Kysely<ProjectionTables>
  readonly #rows: RowMaker

  constructor(store: ProjectionStore, folder: Pick<LogFolder, 'checkpoint' | 'entries'>) {
    this.#store = store
    this.#folder = folder
    this.#db = questionsOver(store.dialect, (sql, parameters) => store.query(sql, parameters))
    this.#rows = new RowMaker(store.log, (tasks) =>
      this.#db
        .selectFrom('projection_tasks')
        .select(['task', 'agent', 'instance'])
        .where('log', '=', store.log)
        .where('task', 'in', tasks)
        .execute(),
    )
  }

  /** @param tell after each batch */
  async run(tell: (progress: Progress) => void = () => {}): Promise<Progress> {
    const { size } = await this.#folder.checkpoint()
    let projected = await this.#beginning(size)
    while (projected < size) {
      tell({ projected, size, warning: undefined })
      const entries = await this.#folder.entries(projected, Math.min(size, projected + BATCH))
      try {
        await this.#store.add(projected, await this.#rows.batch(entries))
        projected += entries.length
      } catch (error) {
        if (!(error instanceof ProjectionGap)) throw error
        projected = await this.#projected()
      }
      // Questions that came meanwhile are answered in between.
      await new Promise((next) => setImmediate(next))
    }
    const done = { projected, size, warning: await this.#store.settle() }
    tell(done)
    return done
  }

  async clear(): Promise<void> {
    this.#rows.forget()
    await this.#store.clear()
  }

  async #projected(): Promise<number> {
    const row = await this.#db
      .selectFrom('projection_logs')
      .select('projected')
      .where('id', '=', this.#store.log)
      .executeTakeFirst()
    return row?.projected ?? 0
  }

  /** Where to go on. A log that was put back from a backup is another one than what was projected: then from the beginning. */
  async #beginning(size: number): Promise<number> {
    const projected = await this.#projected()
    if (projected === 0) return 0
    const newest = await this.#db
      .selectFrom('projection_entries')
      .select('leaf')
      .where('log', '=', this.#store.log)
      .where('seq', '=', projected - 1)
      .executeTakeFirst()
    const [stored] = projected > size ? [] : await this.#folder.entries(projected - 1, projected)
    if (stored !== undefined && newest?.leaf === stored.leaf) return projected
    await this.clear()
    return 0
  }
}
