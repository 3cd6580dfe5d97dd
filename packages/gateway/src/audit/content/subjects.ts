import { createHmac } from 'node:crypto'
import { sql } from 'kysely'
import type { Clock } from '../../lib/clock.ts'
import { newId } from '../../lib/id.ts'
import type { LogActor } from '../../model/evidence.ts'
import { refuse } from '../../model/refusal.ts'
import { subjectName } from '../../model/subject-name.ts'
import type { Bus } from '../../store/bus.ts'
import type { SubjectRow } from '../../store/schema.ts'
import type { Store } from '../../store/store.ts'
import { UniqueViolation } from '../../store/store.ts'
import type { AuditLog } from '../log.ts'
import type { BodyKeys, KeySealer } from './body-keys.ts'

const MAX_REMEMBERED = 50_000

export interface SubjectDeps {
  readonly store: Store
  readonly bus: Bus
  readonly clock: Clock
  readonly log: Pick<AuditLog, 'append'>
  readonly keys: BodyKeys
  readonly sealer: KeySealer
  /** 32 bytes; a name is found by its HMAC under it. */
  readonly lookupKey: Buffer
  /** Takes the name out of whatever else is kept of what is over. @throws Refusal when something about the subject is still going on */
  onErase(name: string): Promise<void>
}

/** What an auditor may know of a subject. */
export interface Subject {
  readonly pseudonym: string
  readonly name: string
  /** Why it is under legal hold. */
  readonly heldWhy: string | undefined
}

/**
 * Those whom entries are about: patients, customers. The log knows pseudonyms drawn at random; which name belongs to which is kept here
 * alone, and erasing a subject takes it away together with the keys of what was sealed about them. No entry and no proof changes by it.
 */
export class Subjects {
  readonly #d: SubjectDeps
  readonly #byName = new Map<string, string>()
  /** Counts what was forgotten, so that a read under way meanwhile is not remembered. */
  #forgotten = 0

  constructor(deps: SubjectDeps) {
    this.#d = deps
    deps.bus.subscribe(
      ({ topic, id }) => {
        if (topic === 'subject') this.forget(id)
      },
      async () => this.forget(),
    )
  }

  /** Finishes what a crash left half erased. */
  async load(): Promise<void> {
    const rows = await this.#d.store.db
      .selectFrom('subjects')
      .selectAll()
      .where('state', '=', 'erasing')
      .execute()
    for (const row of rows) await this.#eraseRow(row, { kind: 'gateway' })
  }

  /** The pseudonym of a name, drawn when there is none yet; without waiting when it is in memory. */
  pseudonymFor(name: string): string | Promise<string> {
    return this.#byName.get(name) ?? this.#fetch(name)
  }

  /** Undefined when the log knows nobody of this name, or no longer. */
  async pseudonymOf(name: string): Promise<string | undefined> {
    return (await this.#row(name))?.pseudonym
  }

  /** Who is behind a pseudonym; undefined when they were erased. */
  async find(pseudonym: string): Promise<Subject | undefined> {
    const row = await this.#d.store.db
      .selectFrom('subjects')
      .selectAll()
      .where('pseudonym', '=', pseudonym)
      .executeTakeFirst()
    return row && this.#view(row)
  }

  /** Legal hold: neither erased nor given up by age until released. @throws Refusal SUBJECT_UNKNOWN */
  async hold(name: string, why: string, by: LogActor): Promise<Subject> {
    // In force before it is recorded, so that no erasure gets in between.
    const held = await this.#setHold(await this.#known(name), why)
    await this.#d.log.append({ type: 'subject.held', actor: by, subjects: [held.pseudonym], data: {} })
    return held
  }

  /** @throws Refusal SUBJECT_UNKNOWN */
  async release(name: string, by: LogActor): Promise<Subject> {
    const row = await this.#known(name)
    await this.#d.log.append({ type: 'subject.released', actor: by, subjects: [row.pseudonym], data: {} })
    return await this.#setHold(row, null)
  }

  /**
   * Destroys the keys and the name. Recorded first, so that nothing disappears without a record. One that was cut off, as by a full disk, is
   * finished.
   * @throws Refusal SUBJECT_UNKNOWN, SUBJECT_HELD, SUBJECT_IN_USE
   */
  async erase(name: string, by: LogActor): Promise<{ pseudonym: string; keys: number }> {
    const row = (await this.#row(name, ['active', 'erasing'])) ?? refuse('SUBJECT_UNKNOWN', {})
    if (row.state === 'active') await this.#mark(row, name)
    return { pseudonym: row.pseudonym, keys: await this.#eraseRow(row, by) }
  }

  async #mark(row: SubjectRow, name: string): Promise<void> {
    if (row.held_why !== null) refuse('SUBJECT_HELD', {})
    await this.#d.onErase(name)
    const marked = await this.#d.store.db
      .updateTable('subjects')
      .set({ state: 'erasing' })
      .where('pseudonym', '=', row.pseudonym)
      .where('held_why', 'is', null)
      .executeTakeFirst()
    if (marked.numUpdatedRows === 0n) refuse('SUBJECT_HELD', {})
  }

  async #eraseRow({ pseudonym }: SubjectRow, by: LogActor): Promise<number> {
    const { store, log, bus } = this.#d
    await log.append({ type: 'subject.erased', actor: by, subjects: [pseudonym], data: {} })
    const keys = await store.transaction(async (tx) => {
      const gone = await tx.deleteFrom('body_keys').where('subject', '=', pseudonym).executeTakeFirst()
      await tx.deleteFrom('subjects').where('pseudonym', '=', pseudonym).execute()
      return Number(gone.numDeletedRows)
    })
    // The pages are overwritten when rows are deleted; what the write-ahead file still holds goes with it.
    if (store.dialect === 'sqlite') await sql`pragma wal_checkpoint(truncate)`.execute(store.db)
    this.forget(pseudonym)
    await bus.publish({ topic: 'subject', id: pseudonym })
    return keys
  }

  async #setHold(row: SubjectRow, why: string | null): Promise<Subject> {
    const set = await this.#d.store.db
      .updateTable('subjects')
      .set({ held_why: why })
      .where('pseudonym', '=', row.pseudonym)
      .where('state', '=', 'active')
      .executeTakeFirst()
    // What is being erased cannot be held any more.
    if (set.numUpdatedRows === 0n) refuse('SUBJECT_UNKNOWN', {})
    return this.#view({ ...row, held_why: why })
  }

  async #fetch(name: string): Promise<string> {
    const before = this.#forgotten
    const pseudonym = (await this.#row(name))?.pseudonym ?? (await this.#draw(name))
    if (this.#forgotten !== before) return pseudonym
    if (this.#byName.size >= MAX_REMEMBERED) this.#byName.delete(this.#byName.keys().next().value as string)
    this.#byName.set(name, pseudonym)
    return pseudonym
  }

  async #draw(name: string): Promise<string> {
    const now = this.#d.clock.now()
    const pseudonym = newId('sbj', now)
    const row: SubjectRow = {
      pseudonym,
      lookup: this.#lookup(name),
      sealed_name: this.#d.sealer.seal(`subject:${pseudonym}`, name),
      state: 'active',
      held_why: null,
      created_at: now,
    }
    try {
      await this.#d.store.transaction((tx) => tx.insertInto('subjects').values(row).execute())
      return pseudonym
    } catch (error) {
      if (!(error instanceof UniqueViolation)) throw error
      const row = await this.#row(name)
      if (!row) throw new Error('the subject is just being erased', { cause: error })
      return row.pseudonym
    }
  }

  async #known(name: string): Promise<SubjectRow> {
    return (await this.#row(name)) ?? refuse('SUBJECT_UNKNOWN', {})
  }

  async #row(
    name: string,
    states: readonly SubjectRow['state'][] = ['active'],
  ): Promise<SubjectRow | undefined> {
    return await this.#d.store.db
      .selectFrom('subjects')
      .selectAll()
      .where('lookup', '=', this.#lookup(name))
      .where('state', 'in', states)
      .executeTakeFirst()
  }

  #lookup(name: string): string {
    return createHmac('sha256', this.#d.lookupKey).update(subjectName(name)).digest('base64url')
  }

  #view(row: SubjectRow): Subject {
    return {
      pseudonym: row.pseudonym,
      name: this.#d.sealer.open(`subject:${row.pseudonym}`, row.sealed_name),
      heldWhy: row.held_why ?? undefined,
    }
  }

  /** What is in memory of a subject who was erased, or of all. */
  forget(pseudonym?: string): void {
    this.#forgotten++
    this.#d.keys.forget(pseudonym)
    for (const [name, known] of this.#byName)
      if (pseudonym === undefined || known === pseudonym) this.#byName.delete(name)
  }
}
