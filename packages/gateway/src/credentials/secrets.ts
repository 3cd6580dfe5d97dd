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
}

/** Upstream secrets at rest. Values go in and come out only to be injected; nothing lists them. */
export class Secrets {
  readonly #d: { store: Store; recorder: Recorder; clock: Clock; kek: Buffer }

  constructor(deps: { store: Store; recorder: Recorder; clock: Clock; kek: Buffer }) {
    this.#d = deps
  }

  /** A new version; the one before is kept sealed until it is destroyed with the name. */
  async put(name: string, value: string, by: LogActor): Promise<SecretInfo> {
    const newest = (await this.#rows(name)).at(-1)
    const version = (newest?.version ?? 0) + 1
    const created_at = this.#d.clock.now()
    await this.#d.recorder.append({ type: 'secret.sealed', actor: by, data: { name, version } })
    await this.#d.store.db
      .insertInto('secrets')
      .values({
        name,
        version,
        sealed: seal(this.#d.kek, name, version, value),
        created_at,
        destroyed_at: null,
      })
      .execute()
    return { name, version, created_at }
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
      .select(['name', 'version', 'created_at'])
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
