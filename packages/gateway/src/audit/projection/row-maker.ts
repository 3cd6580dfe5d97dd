import type { StoredEntry } from '../log.ts'
import type { Batch } from './rows.ts'
import { rowOf, subjectsOf, taskOf } from './rows.ts'
import type { EntryRow, TaskRow } from './tables.ts'

type Owner = Pick<TaskRow, 'task' | 'agent' | 'instance'>

const MAX_TASKS = 10_000

/** Makes rows of entries that come in the order of the log, and finds out whose those are that only name a task. */
export class RowMaker {
  readonly #log: number
  readonly #lookUp: ((tasks: string[]) => Promise<readonly Owner[]>) | undefined
  /** Whose the tasks are that entries lately belonged to; of all tasks when there is nowhere to look. */
  readonly #owners = new Map<string, Owner>()

  /** @param lookUp finds tasks opened by earlier entries; without it, the entries begin with the first of the log */
  constructor(log: number, lookUp?: (tasks: string[]) => Promise<readonly Owner[]>) {
    this.#log = log
    this.#lookUp = lookUp
  }

  async batch(stored: readonly StoredEntry[]): Promise<Batch> {
    const pairs = stored.map(({ index, leaf, entry }) => ({
      entry,
      row: rowOf(this.#log, index, leaf, entry),
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

  forget(): void {
    this.#owners.clear()
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
    if (unknown.size === 0 || !this.#lookUp) return
    for (const task of await this.#lookUp([...unknown])) this.#keep(task)
  }

  #keep({ task, agent, instance }: Owner): void {
    if (this.#owners.has(task)) return
    // A batch has fewer entries than there is room, so those it needs are never the oldest.
    if (this.#lookUp && this.#owners.size >= MAX_TASKS)
      this.#owners.delete(this.#owners.keys().next().value as string)
    this.#owners.set(task, { task, agent, instance })
  }
}
