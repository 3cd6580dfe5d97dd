import type { Clock } from '../lib/clock.ts'
import type { Secret } from '../lib/secret.ts'
import type { LogActor, Recorder } from '../model/evidence.ts'
import { refuse } from '../model/refusal.ts'
import type { Store } from '../store/store.ts'
import { seal, unseal } from './seal.ts'

export interface SecretInfo {
  readonly name: string
  readonly version: number
  readonly created_at: number
  /** Of a version that was replaced: until when it can be gone back to. */
  readonly retires_at: number | null
}

/** How long a version that was replaced is kept, unless said otherwise. */
export const GRACE_MS = 24 * 60 * 60_000

/** Upstream secrets at rest. Values go in and come out only to be injected; nothing lists them. */
export class Secrets {
  readonly #d: { store: Store; recorder: Recorder; clock: Clock; kek: Buffer }

  constructor(deps: { store: Store; recorder: Recorder; clock: Clock; kek: Buffer }) {
    this.#d = deps
  }

  /**
   * A new version, in use from the next call on. The one before stays sealed for `graceMs`, in which {@link rollback} goes back to it; those
   * before that go at once.
   */
  async put(name: string, value: string, by: LogActor, graceMs = GRACE_MS): Promise<SecretInfo> {
    const newest = await this.#d.store.db
      .selectFrom('secrets')
      .select('version')
      .where('name', '=', name)
      .orderBy('version', 'desc')
      .executeTakeFirst()
    // Numbers are never used twice, so the one before is not always one less: it may have been gone back from.
    const version = (newest?.version ?? 0) + 1
    const previous = (await this.#rows(name)).at(-1)
    const created_at = this.#d.clock.now()
    const until = created_at + graceMs
    await this.#d.recorder.append({
      type: 'secret.sealed',
      actor: by,
      data: { name, version, ...(previous ? { previous_until: until } : {}) },
    })
    await this.#d.store.transaction(async (tx) => {
      await tx
        .insertInto('secrets')
        .values({
          name,
          version,
          sealed: seal(this.#d.kek, name, version, value),
          created_at,
          destroyed_at: null,
          retires_at: null,
        })
        .execute()
      if (!previous) return
      const older = () => tx.updateTable('secrets').where('name', '=', name).where('destroyed_at', 'is', null)
      await older().set({ retires_at: until }).where('version', '=', previous.version).execute()
      await older().set({ retires_at: created_at }).where('version', '<', previous.version).execute()
    })
    await this.sweep()
    return { name, version, created_at, retires_at: null }
  }

  /** The newest version is destroyed, and the one before counts again. @throws Refusal SECRET_UNKNOWN, SECRET_NO_PREVIOUS */
  async rollback(name: string, by: LogActor): Promise<SecretInfo> {
    const [previous, newest] = (await this.#rows(name)).slice(-2)
    if (!previous) return refuse('SECRET_UNKNOWN', { secret: name })
    if (!newest || (previous.retires_at ?? 0) <= this.#d.clock.now())
      return refuse('SECRET_NO_PREVIOUS', { secret: name })
    await this.#d.recorder.append({
      type: 'secret.rolled_back',
      actor: by,
      data: { name, version: newest.version, to: previous.version },
    })
    await this.#d.store.transaction(async (tx) => {
      await tx
        .updateTable('secrets')
        .set({ sealed: '', destroyed_at: this.#d.clock.now() })
        .where('name', '=', name)
        .where('version', '=', newest.version)
        .execute()
      await tx
        .updateTable('secrets')
        .set({ retires_at: null })
        .where('name', '=', name)
        .where('version', '=', previous.version)
        .execute()
    })
    const { version, created_at } = previous
    return { name, version, created_at, retires_at: null }
  }

  /** Destroys versions whose grace is over. */
  async sweep(): Promise<void> {
    const now = this.#d.clock.now()
    await this.#d.store.db
      .updateTable('secrets')
      .set({ sealed: '', destroyed_at: now })
      .where('retires_at', '<=', now)
      .where('destroyed_at', 'is', null)
      .execute()
  }

  /** The newest version. @throws Refusal CREDENTIAL_UNAVAILABLE, SealBroken */
  async open(name: string): Promise<Secret> {
    const row = (await this.#rows(name)).at(-1)
    if (!row) return refuse('SECRET_UNKNOWN', { secret: name })
    return unseal(this.#d.kek, row.name, row.version, row.sealed)
  }

  async list(): Promise<readonly SecretInfo[]> {
    return await this.#d.store.db
      .selectFrom('secrets')
      .select(['name', 'version', 'created_at', 'retires_at'])
      .where('destroyed_at', 'is', null)
      .orderBy('name')
      .orderBy('version')
      .execute()
  }

  /** Overwrites every version. */
  async destroy(name: string, by: LogActor): Promise<void> {
    if ((await this.#rows(name)).length === 0) refuse('SECRET_UNKNOWN', { secret: name })
    await this.#d.recorder.append({ type: 'secret.destroyed', actor: by, data: { name } })
    await this.#d.store.db
      .updateTable('secrets')
      .set({ sealed: '', destroyed_at: this.#d.clock.now() })
      .where('name', '=', name)
      .execute()
  }

  async #rows(name: string) {
    return await this.#d.store.db
      .selectFrom('secrets')
      .selectAll()
      .where('name', '=', name.slice(0, 100))
      .where('destroyed_at', 'is', null)
      .orderBy('version')
      .execute()
  }
}
