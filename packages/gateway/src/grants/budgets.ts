import type { Grant, Spent } from '../model/grant.ts'
import type { Reason } from '../model/reasons.ts'
import { reason } from '../model/reasons.ts'
import type { Store } from '../store/store.ts'

const INDEX = 'budget_index'

/** Of a log entry, what counts for a budget. */
export interface BudgetEntry {
  readonly grant: string | undefined
  readonly calls: number
  readonly bytes: number
}

/**
 * What grants have spent. Reserving is synchronous, so racing calls cannot overspend. The store is told now and then, together with the
 * log index up to which the counts hold, and the log tells the rest after a crash.
 */
export class Budgets {
  readonly #store: Store
  readonly #spent = new Map<string, { calls: number; bytes: number; dirty: boolean }>()
  #writing: Promise<void> | undefined

  constructor(store: Store) {
    this.#store = store
  }

  /** Loads the counts of grants of open tasks. @returns the log index from which entries have to be replayed */
  async load(): Promise<number> {
    const rows = await this.#store.db
      .selectFrom('grants')
      .innerJoin('tasks', 'tasks.id', 'grants.task_id')
      .select(['grants.id', 'grants.spent_calls', 'grants.spent_bytes'])
      .where('tasks.state', '=', 'open')
      .execute()
    for (const row of rows)
      this.#spent.set(row.id, { calls: row.spent_calls, bytes: row.spent_bytes, dirty: false })
    const mark = await this.#store.db
      .selectFrom('epochs')
      .select('epoch')
      .where('name', '=', INDEX)
      .executeTakeFirst()
    return mark?.epoch ?? 0
  }

  /** Counts an entry at or after the index that {@link load} returned. */
  replay(entry: BudgetEntry): void {
    const spent = entry.grant === undefined ? undefined : this.#spent.get(entry.grant)
    if (!spent) return
    spent.calls += entry.calls
    spent.bytes += entry.bytes
    spent.dirty = true
  }

  /** Takes calls from the budget, or says which dimension is spent. */
  reserve(grant: Grant, cost: { calls: number }): Reason | undefined {
    const spent = this.#of(grant.id)
    const { calls, bytes } = grant.budget
    if (calls !== undefined && spent.calls + cost.calls > calls)
      return reason('BUDGET_SPENT', { limit: calls, dimension: 'calls' })
    if (bytes !== undefined && spent.bytes >= bytes)
      return reason('BUDGET_SPENT', { limit: bytes, dimension: 'bytes' })
    if (cost.calls > 0) {
      spent.calls += cost.calls
      spent.dirty = true
    }
    return undefined
  }

  /** Gives back what a call took that was not made. */
  release(grantId: string, cost: { calls: number }): void {
    const spent = this.#spent.get(grantId)
    if (!spent) return
    spent.calls -= cost.calls
    spent.dirty = true
  }

  /** Counts what went to the agent. A grant that is forgotten already counts nothing. */
  settle(grantId: string, used: { bytes: number }): void {
    const spent = this.#spent.get(grantId)
    if (!spent || used.bytes === 0) return
    spent.bytes += used.bytes
    spent.dirty = true
  }

  spent(grantId: string): Spent {
    const { calls, bytes } = this.#spent.get(grantId) ?? { calls: 0, bytes: 0 }
    return { calls, bytes }
  }

  /** For a grant whose task has ended. */
  forget(grantId: string): void {
    this.#spent.delete(grantId)
  }

  /**
   * Writes the counts down. They MUST include every log entry below `index`; should they include later ones, those count twice after a
   * crash, which errs on the safe side.
   */
  async flush(index: number): Promise<void> {
    while (this.#writing !== undefined) await this.#writing.catch(() => {})
    const dirty = [...this.#spent].filter(([, spent]) => spent.dirty)
    if (dirty.length === 0) return
    const counts = dirty.map(([id, { calls, bytes }]) => ({ id, calls, bytes }))
    for (const [, spent] of dirty) spent.dirty = false
    this.#writing = this.#write(counts, index)
    try {
      await this.#writing
    } catch (error) {
      for (const [, spent] of dirty) spent.dirty = true
      throw error
    } finally {
      this.#writing = undefined
    }
  }

  #write(counts: readonly ({ id: string } & Spent)[], index: number): Promise<void> {
    return this.#store.transaction(async (tx) => {
      for (const { id, calls, bytes } of counts) {
        await tx
          .updateTable('grants')
          .set({ spent_calls: calls, spent_bytes: bytes })
          .where('id', '=', id)
          .execute()
      }
      await tx
        .insertInto('epochs')
        .values({ name: INDEX, epoch: index })
        .onConflict((on) => on.column('name').doUpdateSet({ epoch: index }))
        .execute()
    })
  }

  #of(grantId: string): { calls: number; bytes: number; dirty: boolean } {
    let spent = this.#spent.get(grantId)
    if (!spent) {
      spent = { calls: 0, bytes: 0, dirty: false }
      this.#spent.set(grantId, spent)
    }
    return spent
  }
}
