import { createSecretKey, randomBytes } from 'node:crypto'
import { newId } from '../../lib/id.ts'
import type { Store, Tx } from '../../store/store.ts'
import { UniqueViolation } from '../../store/store.ts'
import type { BodyKey } from './body.ts'

/** Seals a key at rest under the key-encryption key; bound to its name. */
export interface KeySealer {
  /** Which key-encryption key it is, for telling it from another one. */
  readonly fingerprint: string
  seal(name: string, value: string): string
  /** @throws when it cannot be opened */
  open(name: string, sealed: string): string
}

/** Whose key: a subject (or `''`, what is about nobody), a class of records, and a month, `YYYY-MM`. */
export interface KeyUse {
  readonly subject: string
  readonly recordClass: string
  readonly month: string
}

/** Nothing is sealed for somebody who was erased. */
export class SubjectErased extends Error {
  override name = 'SubjectErased'
  readonly pseudonym: string
  constructor(pseudonym: string) {
    super(`${pseudonym} was erased`)
    this.pseudonym = pseudonym
  }
}

const MAX_REMEMBERED = 20_000

export const monthOf = (ts: number): string => new Date(ts).toISOString().slice(0, 7)

/**
 * The keys that bodies are sealed under, one for each subject, class of records and month: destroying a key destroys what it sealed, wherever
 * copies of the log are.
 */
export class BodyKeys {
  readonly #store: Store
  readonly #sealer: KeySealer
  readonly #byUse = new Map<string, BodyKey>()
  /** Counts what was forgotten, so that a read under way meanwhile is not remembered. */
  #forgotten = 0

  constructor(store: Store, sealer: KeySealer) {
    this.#store = store
    this.#sealer = sealer
  }

  /** The key for a use, made when there is none yet; without waiting when it is in memory. @throws SubjectErased */
  get(use: KeyUse, now: number): BodyKey | Promise<BodyKey> {
    return this.#byUse.get(nameOf(use)) ?? this.#fetch(use, now)
  }

  /** Undefined when it was destroyed. */
  async find(id: string): Promise<BodyKey | undefined> {
    const row = await this.#store.db
      .selectFrom('body_keys')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirst()
    return row && this.#opened(row)
  }

  /** Forgets the keys of a subject, or all; those that still exist are read again when they are needed. */
  forget(subject?: string): void {
    this.#forgotten++
    for (const name of this.#byUse.keys())
      if (subject === undefined || name.startsWith(`${subject}|`)) this.#byUse.delete(name)
  }

  async #fetch(use: KeyUse, now: number): Promise<BodyKey> {
    const before = this.#forgotten
    const key = (await this.#read(use)) ?? (await this.#make(use, now))
    if (this.#forgotten !== before) return key
    if (this.#byUse.size >= MAX_REMEMBERED) this.#byUse.delete(this.#byUse.keys().next().value as string)
    this.#byUse.set(nameOf(use), key)
    return key
  }

  async #read({ subject, recordClass, month }: KeyUse): Promise<BodyKey | undefined> {
    const row = await this.#store.db
      .selectFrom('body_keys')
      .selectAll()
      .where('kek', '=', this.#sealer.fingerprint)
      .where('subject', '=', subject)
      .where('record_class', '=', recordClass)
      .where('month', '=', month)
      .executeTakeFirst()
    return row && this.#opened(row)
  }

  async #make(use: KeyUse, now: number): Promise<BodyKey> {
    const { subject, recordClass, month } = use
    const id = newId('key', now)
    const key = randomBytes(32)
    const sealed = this.#sealer.seal(`body:${id}`, key.toString('base64'))
    try {
      await this.#store.transaction(async (tx) => {
        // A key that came after the erasure would outlive it.
        if (subject !== '') await assertKnown(tx, subject)
        await tx
          .insertInto('body_keys')
          .values({
            id,
            kek: this.#sealer.fingerprint,
            subject,
            record_class: recordClass,
            month,
            sealed,
            created_at: now,
          })
          .execute()
      })
      return { id, key: createSecretKey(key) }
    } catch (error) {
      if (!(error instanceof UniqueViolation)) throw error
      // Another call, or another gateway on the same database, made it first.
      return (await this.#read(use)) as BodyKey
    }
  }

  #opened({ id, sealed }: { id: string; sealed: string }): BodyKey {
    return { id, key: createSecretKey(Buffer.from(this.#sealer.open(`body:${id}`, sealed), 'base64')) }
  }
}

async function assertKnown(tx: Tx, pseudonym: string): Promise<void> {
  const known = await tx
    .selectFrom('subjects')
    .select('pseudonym')
    .where('pseudonym', '=', pseudonym)
    .where('state', '=', 'active')
    .executeTakeFirst()
  if (!known) throw new SubjectErased(pseudonym)
}

const nameOf = ({ subject, recordClass, month }: KeyUse): string => `${subject}|${recordClass}|${month}`
