import type { Kysely } from 'kysely'
import type { StoredEntry } from '../log.ts'
import type { LogFolder } from '../log-folder.ts'
import { questionsOver } from './over.ts'
import type { Batch } from './rows.ts'
import { rowOf, subjectsOf, taskOf } from './rows.ts'
import type { ProjectionStore } from './store.ts'
import { ProjectionGap } from './store.ts'
import type { EntryRow, ProjectionTables, TaskRow } from './tables.ts'

/** Entries of one transaction: whole bundles of the log, few enough that a question never waits long behind them. */
const BATCH = 512
const MAX_TASKS = 10_000

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
  /** Whose the tasks are that entries lately belonged to. */
  readonly #owners = new Map<string, Pick<TaskRow, 'agent' | 'instance'>>()

  constructor(store: ProjectionStore, folder: Pick<LogFolder, 'checkpoint' | 'entries'>) {
    this.#store = store
    this.#folder = folder
    this.#db = questionsOver(store.dialect, (sql, parameters) => store.query(sql, parameters))
  }

  /** @param tell after each batch */
  async run(tell: (progress: Progress) => void = () => {}): Promise<Progress> {
    const { size } = await this.#folder.checkpoint()
    let projected = await this.#beginning(size)
    while (projected < size) {
      tell({ projected, size, warning: undefined })
      const entries = await this.#folder.entries(projected, Math.min(size, projected + BATCH))
      try {
        await this.#store.add(projected, await this.#batch(entries))
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
    this.#owners.clear()
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

  async #batch(stored: readonly StoredEntry[]): Promise<Batch> {
    const pairs = stored.map(({ index, leaf, entry }) => ({
      entry,
      row: rowOf(this.#store.log, index, leaf, entry),
    }))
    await this.#learnOwners(pairs.map(({ row }) => row))
    const tasks: TaskRow[] = []
    // In the order of the log, so that it does not matter where a batch begins.
    const entries = pairs.map(({ row, entry }) => {
      const task = taskOf(row, entry)
      if (task) {
        tasks.push(task)
        this.#keep(task)
      }
      return this.#owned(row)
    })
    return { entries, subjects: pairs.flatMap(({ row, entry }) => subjectsOf(row, entry)), tasks }
  }

  /** What the gateway or an operator did to a task belongs to the agent whose task it is. */
  #owned(row: EntryRow): EntryRow {
    const owner = row.agent === null && row.task !== null ? this.#owners.get(row.task) : undefined
    return owner ? { ...row, agent: owner.agent, instance: row.instance ?? owner.instance } : row
  }

  async #learnOwners(rows: readonly EntryRow[]): Promise<void> {
    const unknown = new Set(
      rows.flatMap(({ agent, task }) =>
        agent === null && task !== null && !this.#owners.has(task) ? [task] : [],
      ),
    )
    if (unknown.size === 0) return
    const found = await this.#db
      .selectFrom('projection_tasks')
      .select(['task', 'agent', 'instance'])
      .where('log', '=', this.#store.log)
      .where('task', 'in', [...unknown])
      .execute()
    for (const task of found) this.#keep(task)
  }

  #keep({ task, agent, instance }: Pick<TaskRow, 'task' | 'agent' | 'instance'>): void {
    if (this.#owners.has(task)) return
    // A batch has fewer entries than there is room, so those it needs are never the oldest.
    if (this.#owners.size >= MAX_TASKS) this.#owners.delete(this.#owners.keys().next().value as string)
    this.#owners.set(task, { agent, instance })
  }
}
