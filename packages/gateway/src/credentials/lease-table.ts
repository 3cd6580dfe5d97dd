import type { LeaseRow } from '../store/schema.ts'
import type { Store } from '../store/store.ts'

const ALIVE = ['minting', 'active', 'revoking', 'revoke_failed'] as const
/** States of a task that may no longer hold anything. */
const OVER = ['closing', 'closed'] as const
/** Leases taken up at the same time after an outage. */
const AT_ONCE = 50

/** Leases as the store has them. One that is closed stays closed: every change asks for that, since several gateways may try. */
export class LeaseTable {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  async insert(row: LeaseRow): Promise<void> {
    await this.#store.db.insertInto('leases').values(row).execute()
  }

  get(id: string): Promise<LeaseRow> {
    return this.#store.db.selectFrom('leases').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
  }

  /** @returns whether it was not closed */
  async set(id: string, change: Partial<LeaseRow>): Promise<boolean> {
    const { numUpdatedRows } = await this.#store.db
      .updateTable('leases')
      .set(change)
      .where('id', '=', id)
      .where('closed_at', 'is', null)
      .executeTakeFirst()
    return numUpdatedRows === 1n
  }

  /** From `minting` to `active`. @returns false when its task has ended, whether or not this gateway has heard of it */
  async activate(id: string, task: string): Promise<boolean> {
    const { numUpdatedRows } = await this.#store.db
      .updateTable('leases')
      .set({ state: 'active' })
      .where('id', '=', id)
      .where('state', '=', 'minting')
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom('tasks')
              .select('tasks.id')
              .where('tasks.id', '=', task)
              .where('tasks.state', 'in', OVER),
          ),
        ),
      )
      .executeTakeFirst()
    return numUpdatedRows === 1n
  }

  async aliveOf(task: string): Promise<readonly string[]> {
    const rows = await this.#store.db
      .selectFrom('leases')
      .select('id')
      .where('task_id', '=', task)
      .where('state', 'in', ALIVE)
      .execute()
    return rows.map(({ id }) => id)
  }

  /** What has to be ended now: failures that are due, and what an end that broke off left. @param orphanedBefore of a row that says `minting` */
  async due(now: number, orphanedBefore: number): Promise<readonly string[]> {
    const rows = await this.#store.db
      .selectFrom('leases')
      .leftJoin('tasks', 'tasks.id', 'leases.task_id')
      .select('leases.id')
      .where('leases.closed_at', 'is', null)
      .where((e) =>
        e.or([
          e('leases.state', '=', 'revoking'),
          e.and([e('leases.state', '=', 'revoke_failed'), e('leases.next_retry_at', '<=', now)]),
          e.and([e('leases.state', '=', 'active'), e('tasks.state', 'in', OVER)]),
          e.and([
            e('leases.state', '=', 'minting'),
            e('leases.created_at', '<=', orphanedBefore),
            e.or([e('tasks.state', 'in', OVER), e('tasks.state', 'is', null)]),
          ]),
        ]),
      )
      .limit(AT_ONCE)
      .execute()
    return rows.map(({ id }) => id)
  }

  /** Tasks that are over, or never were, and still have leases. */
  async unended(): Promise<readonly string[]> {
    const rows = await this.#store.db
      .selectFrom('leases')
      .leftJoin('tasks', 'tasks.id', 'leases.task_id')
      .select(['leases.task_id'])
      .distinct()
      .where('leases.state', 'in', ALIVE)
      .where((on) => on.or([on('tasks.state', 'is', null), on('tasks.state', 'in', OVER)]))
      .execute()
    return rows.map(({ task_id }) => task_id)
  }

  /** How many ought to be dead and may not be; those that were always going to lapse by themselves do not count. */
  async notRevoked(): Promise<number> {
    const { count } = await this.#store.db
      .selectFrom('leases')
      .select((e) => e.fn.countAll<number>().as('count'))
      .where('state', '=', 'revoke_failed')
      .where((e) =>
        e.or([e('upstream_expires_at', 'is', null), e('next_retry_at', '!=', e.ref('upstream_expires_at'))]),
      )
      .executeTakeFirstOrThrow()
    return Number(count)
  }

  /** The newest 1,000, without what is sealed. */
  async list(filter: { task?: string; alive: boolean }): Promise<readonly Omit<LeaseRow, 'reference'>[]> {
    let query = this.#store.db.selectFrom('leases').selectAll().orderBy('id', 'desc').limit(1000)
    if (filter.task !== undefined) query = query.where('task_id', '=', filter.task)
    if (filter.alive) query = query.where('state', 'in', ALIVE)
    return (await query.execute()).map(({ reference: _, ...row }) => row)
  }
}
