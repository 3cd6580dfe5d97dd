import type { Grant } from '../model/grant.ts'
import { refuse } from '../model/refusal.ts'
import { subjectName } from '../model/subject-name.ts'
import type { Task, TaskEnd, TaskState } from '../model/task.ts'
import type { Store, Tx } from '../store/store.ts'
import { grantOf, grantRow, rowOf, taskOf } from './task-rows.ts'

/** States in which a task is not over. */
export const LIVING = ['open', 'paused'] as const satisfies readonly TaskState[]

export interface StoredTask {
  readonly task: Task
  readonly grant: Grant
  readonly lastUsedAt: number
}

/** Tasks and grants as the store has them. Every change of state is a compare-and-set: of two that race, one wins. */
export class TaskTable {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  async get(id: string): Promise<Task | undefined> {
    const row = await this.#store.db.selectFrom('tasks').selectAll().where('id', '=', id).executeTakeFirst()
    return row && taskOf(row)
  }

  async grantOf(task: string): Promise<Grant | undefined> {
    const row = await this.#store.db
      .selectFrom('grants')
      .selectAll()
      .where('task_id', '=', task)
      .executeTakeFirst()
    return row && grantOf(row)
  }

  /** The newest 1,000. */
  async list(filter: { open: boolean }): Promise<readonly Task[]> {
    let query = this.#store.db.selectFrom('tasks').selectAll().orderBy('opened_at', 'desc').limit(1000)
    if (filter.open) query = query.where('state', '!=', 'closed')
    return (await query.execute()).map(taskOf)
  }

  /** Takes a subject's name, however it was written, out of what is over. @throws Refusal SUBJECT_IN_USE */
  async forgetSubject(name: string): Promise<void> {
    await this.#store.transaction(async (tx) => {
      const known = await tx
        .selectFrom('tasks')
        .select('subject')
        .distinct()
        .where('subject', 'is not', null)
        .execute()
      const same = known.flatMap(({ subject }) =>
        subject !== null && subjectName(subject) === subjectName(name) ? [subject] : [],
      )
      if (same.length === 0) return
      const rows = await tx.selectFrom('tasks').select(['id', 'state']).where('subject', 'in', same).execute()
      const open = rows.find(({ state }) => state !== 'closed')
      if (open) refuse('SUBJECT_IN_USE', { task: open.id })
      const ids = rows.map(({ id }) => id)
      // What an agent wrote as its purpose, and the constraints made of the subject, may tell as much.
      await tx.updateTable('grants').set({ details: '[]' }).where('task_id', 'in', ids).execute()
      await tx.updateTable('tasks').set({ subject: null, purpose: '' }).where('id', 'in', ids).execute()
    })
  }

  async closing(): Promise<readonly string[]> {
    const rows = await this.#store.db
      .selectFrom('tasks')
      .select('id')
      .where('state', '=', 'closing')
      .execute()
    return rows.map(({ id }) => id)
  }

  async living(): Promise<readonly StoredTask[]> {
    const { db } = this.#store
    const tasks = await db.selectFrom('tasks').selectAll().where('state', 'in', LIVING).execute()
    const grants = await db
      .selectFrom('grants')
      .innerJoin('tasks', 'tasks.id', 'grants.task_id')
      .selectAll('grants')
      .where('tasks.state', 'in', LIVING)
      .execute()
    const byTask = new Map(grants.map((row) => [row.task_id, row]))
    return tasks.flatMap((row) => {
      const grant = byTask.get(row.id)
      return grant ? [{ task: taskOf(row), grant: grantOf(grant), lastUsedAt: row.last_used_at }] : []
    })
  }

  /** @throws Refusal TASK_CLOSED when the task above has ended meanwhile */
  async insert(task: Task, grant: Grant): Promise<void> {
    await this.#store.transaction(async (tx) => {
      if (task.parent !== undefined) await assertOpen(tx, task.parent)
      await tx.insertInto('tasks').values(rowOf(task)).execute()
      await tx.insertInto('grants').values(grantRow(grant)).execute()
    })
  }

  /** @throws Refusal TASK_CLOSED when the task has ended meanwhile */
  async widen(grant: Grant): Promise<void> {
    const { details, budget, terms } = grantRow(grant)
    await this.#store.transaction(async (tx) => {
      await assertOpen(tx, grant.task)
      await tx.updateTable('grants').set({ details, budget, terms }).where('id', '=', grant.id).execute()
    })
  }

  /** @returns whether it was in the state `from` */
  async switch(id: string, from: TaskState, to: TaskState, now: number): Promise<boolean> {
    const { numUpdatedRows } = await this.#store.db
      .updateTable('tasks')
      .set({
        state: to,
        ...(to === 'open' ? { last_used_at: now } : {}),
        ...(to === 'closed' ? { closed_at: now } : {}),
      })
      .where('id', '=', id)
      .where('state', '=', from)
      .executeTakeFirst()
    return numUpdatedRows === 1n
  }

  /** Enters `closing` with the whole subtree, their tokens in the same transaction. @returns the tasks for which this was the end that counts */
  end(
    task: Task,
    end: TaskEnd,
    at: { now: number; lastUsedAt: number | undefined },
  ): Promise<readonly Task[]> {
    return this.#store.transaction(async (tx) => {
      const rows = await tx
        .selectFrom('tasks')
        .selectAll()
        .where('lineage', 'like', `${task.lineage}%`)
        .where('state', 'in', LIVING)
        .execute()
      const ids = rows.map((row) => row.id)
      if (!ids.includes(task.id)) return []
      const below = { state: 'closing', end_reason: 'parent' } as const
      await tx.updateTable('tasks').set(below).where('id', 'in', ids).execute()
      const used = at.lastUsedAt === undefined ? {} : { last_used_at: at.lastUsedAt }
      await tx
        .updateTable('tasks')
        .set({ end_reason: end, ...used })
        .where('id', '=', task.id)
        .execute()
      await tx
        .updateTable('tokens')
        .set({ revoked_at: at.now })
        .where('task_id', 'in', ids)
        .where('revoked_at', 'is', null)
        .execute()
      return rows.map(taskOf).map((one) => ({
        ...one,
        state: 'closing' as const,
        end: one.id === task.id ? end : 'parent',
      }))
    })
  }

  async used(id: string, lastUsedAt: number): Promise<void> {
    const used = { last_used_at: lastUsedAt }
    await this.#store.db.updateTable('tasks').set(used).where('id', '=', id).execute()
  }

  async spent(grant: string, spent: string): Promise<void> {
    await this.#store.db.updateTable('grants').set({ spent }).where('id', '=', grant).execute()
  }
}

async function assertOpen(tx: Tx, id: string): Promise<void> {
  const row = await tx.selectFrom('tasks').select('state').where('id', '=', id).executeTakeFirst()
  if (row?.state !== 'open') refuse('TASK_CLOSED', { end: 'meanwhile' })
}
