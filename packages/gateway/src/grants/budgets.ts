import type { Budget, Dimension, Grant, Spent } from '../model/grant.ts'
import { DIMENSIONS, NOTHING_SPENT } from '../model/grant.ts'
import type { Reason } from '../model/reasons.ts'
import { reason } from '../model/reasons.ts'
import type { Store } from '../store/store.ts'

const INDEX = 'budget_index'

/** What one call takes. `subjects` are tags, one for each distinct value it names; the values themselves are not kept. */
export interface Cost {
  readonly calls: number
  readonly writes: number
  readonly spend: number
  readonly subjects: readonly string[]
}

/** Of a log entry, what counts for a budget. */
export interface BudgetEntry extends Cost {
  readonly grant: string | undefined
  readonly bytes: number
}

interface Account {
  calls: number
  writes: number
  bytes: number
  spend: number
  readonly subjects: Set<string>
  /** Per grant handed on: its whole budget while it lives, and what it really spent after its end. */
  readonly drawn: Map<string, Budget>
  /** The grant it hangs below. */
  above: string | undefined
  subjectLimit: number | undefined
  dirty: boolean
}

/** What is written down of an account: {@link Spent} with the subjects by tag. */
type Written = Omit<Spent, 'subjects'> & { readonly subjects: readonly string[] }

/**
 * What grants have spent. Reserving is synchronous, so racing calls cannot overspend, and what a grant hands on counts as spent by it
 * while it lives. The store is told now and then, together with the log index up to which the counts hold; the log tells the rest after a
 * crash.
 */
export class Budgets {
  readonly #store: Store
  readonly #accounts = new Map<string, Account>()
  #writing: Promise<void> | undefined

  constructor(store: Store) {
    this.#store = store
  }

  /** Loads the counts of grants of open tasks. @returns the log index from which entries have to be replayed */
  async load(): Promise<number> {
    const rows = await this.#store.db
      .selectFrom('grants')
      .innerJoin('tasks', 'tasks.id', 'grants.task_id')
      .select(['grants.id', 'grants.spent', 'grants.budget', 'grants.parent_id', 'tasks.state'])
      .execute()
    const isLive = (state: string) => state === 'open' || state === 'paused'
    for (const row of rows) if (isLive(row.state)) this.#accounts.set(row.id, read(row.spent))
    for (const row of rows) {
      const parent = row.parent_id === null ? undefined : this.#accounts.get(row.parent_id)
      const { subjects: _, ...spent } = JSON.parse(row.spent) as Partial<Written>
      const budget = JSON.parse(row.budget) as Budget
      parent?.drawn.set(row.id, isLive(row.state) ? budget : spent)
      const account = this.#accounts.get(row.id)
      if (account)
        Object.assign(account, { above: row.parent_id ?? undefined, subjectLimit: budget.subjects })
    }
    const mark = await this.#store.db
      .selectFrom('epochs')
      .select('epoch')
      .where('name', '=', INDEX)
      .executeTakeFirst()
    return mark?.epoch ?? 0
  }

  /** Counts an entry at or after the index that {@link load} returned. */
  replay(entry: BudgetEntry): void {
    if (entry.grant === undefined) return
    const account = this.#accounts.get(entry.grant)
    if (!account) return this.#replayEnded(entry.grant, entry)
    take(account, entry)
    account.bytes += entry.bytes
    for (const above of this.#upwards(account).slice(1)) take(above, { ...NO_COST, subjects: entry.subjects })
  }

  /** A grant that has ended counts in the one above it. What it had written down by then counts twice, which errs on the safe side. */
  #replayEnded(grant: string, entry: BudgetEntry): void {
    for (const account of this.#accounts.values()) {
      const drawn = account.drawn.get(grant)
      if (!drawn) continue
      account.drawn.set(grant, {
        ...drawn,
        calls: (drawn.calls ?? 0) + entry.calls,
        writes: (drawn.writes ?? 0) + entry.writes,
        spend: (drawn.spend ?? 0) + entry.spend,
        bytes: (drawn.bytes ?? 0) + entry.bytes,
      })
      for (const one of this.#upwards(account)) take(one, { ...NO_COST, subjects: entry.subjects })
    }
  }

  /** Takes a call from the budget, or says which dimension is spent. */
  reserve(grant: Grant, cost: Cost): Reason | undefined {
    const account = this.#of(grant.id)
    account.subjectLimit = grant.budget.subjects
    const lineage = this.#upwards(account)
    const crowded = lineage.find((one) => isCrowded(one, cost.subjects))
    if (crowded) return reason('BUDGET_SPENT', { limit: crowded.subjectLimit ?? 0, dimension: 'subjects' })
    const wanted: Budget = { calls: cost.calls, writes: cost.writes, spend: cost.spend }
    for (const dimension of DIMENSIONS) {
      const limit = grant.budget[dimension]
      if (limit === undefined) continue
      const before = this.#used(account, dimension)
      const more = wanted[dimension] ?? 0
      // Of bytes only what is over is known: how large an answer will be, nobody can say.
      if (dimension === 'bytes' ? before >= limit : more > 0 && before + more > limit)
        return reason('BUDGET_SPENT', { limit, dimension })
    }
    take(account, cost)
    for (const above of lineage.slice(1)) take(above, { ...NO_COST, subjects: cost.subjects })
    return undefined
  }

  /** Gives back what a call took that was not made. Subjects stay counted: they may have been counted before. */
  release(grantId: string, cost: Cost): void {
    const account = this.#accounts.get(grantId)
    if (account) take(account, { calls: -cost.calls, writes: -cost.writes, spend: -cost.spend, subjects: [] })
  }

  /** Counts what went to the agent. A grant that is forgotten already counts nothing. */
  settle(grantId: string, used: { bytes: number }): void {
    const account = this.#accounts.get(grantId)
    if (!account || used.bytes === 0) return
    account.bytes += used.bytes
    account.dirty = true
  }

  /**
   * What is left of a grant's budget, what it handed on taken off. Without a limit there is none. Subjects are not used up: a sub-agent may
   * know those that are known above it, and any new one counts all the way up.
   */
  remaining(grant: Grant): Budget {
    const account = this.#of(grant.id)
    return Object.fromEntries(
      DIMENSIONS.flatMap((dimension): [Dimension, number][] => {
        const limit = grant.budget[dimension]
        if (limit === undefined) return []
        if (dimension === 'subjects') return [[dimension, limit]]
        return [[dimension, Math.max(0, limit - this.#used(account, dimension))]]
      }),
    )
  }

  /** Draws the whole budget of a new grant from the one it hangs below. The caller has checked that so much is left. */
  draw(parent: Grant, child: Grant): void {
    const account = this.#of(parent.id)
    account.drawn.set(child.id, child.budget)
    account.subjectLimit = parent.budget.subjects
    this.#of(child.id).above = parent.id
  }

  spent(grantId: string): Spent {
    const account = this.#accounts.get(grantId)
    if (!account) return NOTHING_SPENT
    return Object.fromEntries(
      DIMENSIONS.map((dimension) => [dimension, this.#used(account, dimension)]),
    ) as unknown as Spent
  }

  /** The grant's task has ended: what it did not spend goes back to the one above. @returns what to write down for good */
  end(grant: Pick<Grant, 'id' | 'parent'>): string {
    const spent = this.spent(grant.id)
    const account = this.#of(grant.id)
    this.#accounts.delete(grant.id)
    if (grant.parent !== undefined) this.#accounts.get(grant.parent)?.drawn.set(grant.id, spent)
    return write(account, spent)
  }

  /**
   * Writes the counts down. They MUST include every log entry below `index`; should they include later ones, those count twice after a
   * crash, which errs on the safe side.
   */
  async flush(index: number): Promise<void> {
    while (this.#writing !== undefined) await this.#writing.catch(() => {})
    const dirty = [...this.#accounts].filter(([, account]) => account.dirty)
    if (dirty.length === 0) return
    // What was handed on is not written here: it is counted again from the grants it went to.
    const counts = dirty.map(([id, account]) => ({ id, spent: write(account, account) }))
    for (const [, account] of dirty) account.dirty = false
    this.#writing = this.#write(counts, index)
    try {
      await this.#writing
    } catch (error) {
      for (const [, account] of dirty) account.dirty = true
      throw error
    } finally {
      this.#writing = undefined
    }
  }

  #write(counts: readonly { id: string; spent: string }[], index: number): Promise<void> {
    return this.#store.transaction(async (tx) => {
      for (const { id, spent } of counts) {
        await tx.updateTable('grants').set({ spent }).where('id', '=', id).execute()
      }
      await tx
        .insertInto('epochs')
        .values({ name: INDEX, epoch: index })
        .onConflict((on) => on.column('name').doUpdateSet({ epoch: index }))
        .execute()
    })
  }

  /** The account itself first, then those it hangs below. */
  #upwards(account: Account): readonly Account[] {
    const lineage = [account]
    for (let above = account.above; above !== undefined; ) {
      const next = this.#accounts.get(above)
      if (!next || lineage.includes(next)) break
      lineage.push(next)
      above = next.above
    }
    return lineage
  }

  #used(account: Account, dimension: Dimension): number {
    if (dimension === 'subjects') return account.subjects.size
    let used = account[dimension]
    for (const drawn of account.drawn.values()) used += drawn[dimension] ?? 0
    return used
  }

  #of(grantId: string): Account {
    let account = this.#accounts.get(grantId)
    if (!account) {
      account = read('{}')
      this.#accounts.set(grantId, account)
    }
    return account
  }
}

const NO_COST: Cost = { calls: 0, writes: 0, spend: 0, subjects: [] }

function isCrowded({ subjectLimit, subjects }: Account, tags: readonly string[]): boolean {
  if (subjectLimit === undefined || tags.length === 0) return false
  const fresh = new Set(tags.filter((tag) => !subjects.has(tag)))
  return fresh.size > 0 && subjects.size + fresh.size > subjectLimit
}

function take(account: Account, { calls, writes, spend, subjects }: Cost): void {
  if (calls === 0 && writes === 0 && spend === 0 && subjects.length === 0) return
  account.calls += calls
  account.writes += writes
  account.spend += spend
  for (const tag of subjects) account.subjects.add(tag)
  account.dirty = true
}

function read(spent: string): Account {
  const { calls = 0, writes = 0, bytes = 0, spend = 0, subjects = [] } = JSON.parse(spent) as Partial<Written>
  return {
    calls,
    writes,
    bytes,
    spend,
    subjects: new Set(subjects),
    drawn: new Map(),
    above: undefined,
    subjectLimit: undefined,
    dirty: false,
  }
}

function write(
  { subjects }: Pick<Account, 'subjects'>,
  { calls, writes, bytes, spend }: Omit<Spent, 'subjects'>,
): string {
  return JSON.stringify({ bytes, calls, spend, subjects: [...subjects], writes } satisfies Written)
}
