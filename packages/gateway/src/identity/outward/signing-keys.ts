import type { KeyObject } from 'node:crypto'
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import type { JWK } from 'jose'
import { calculateJwkThumbprint } from 'jose'
import type { Clock } from '../../lib/clock.ts'
import type { RequestKey } from '../../lib/http-signature.ts'
import type { LogActor, Recorder } from '../../model/evidence.ts'
import type { SigningKeyRow } from '../../store/schema.ts'
import type { Store, Tx } from '../../store/store.ts'

/** How long a key that signs no more is still published: longer than anything it signed lives. */
const LINGER_MS = 10 * 60_000

/** Seals a private key at rest, bound to its name. */
export interface KeySealer {
  seal(name: string, value: string): string
  open(name: string, sealed: string): string
}

export interface SigningKey {
  readonly kid: string
  readonly key: KeyObject
}

/**
 * Keys by which this gateway speaks to others (ES256). There are always two: one that signs, and the next, published long before it does, so
 * that nobody who keeps the set for a while meets an unknown key. Several gateways on one database share them.
 */
export class SigningKeys {
  readonly #d: { store: Store; recorder: Recorder; clock: Clock; sealer: KeySealer }
  #current: SigningKey | undefined

  constructor(deps: { store: Store; recorder: Recorder; clock: Clock; sealer: KeySealer }) {
    this.#d = deps
  }

  /** Makes the first two where there are none. Call at start. */
  async load(): Promise<void> {
    await this.#d.store.transaction(async (tx) => {
      const rows = await tx
        .selectFrom('signing_keys')
        .selectAll()
        .where('state', 'in', ['current', 'next'])
        .execute()
      const own = rows.filter((row) => this.#open(row) !== undefined)
      for (const state of ['current', 'next'] as const) {
        if (!own.some((row) => row.state === state)) await this.#make(tx, state)
      }
    })
    await this.refresh()
  }

  /** Takes up what another gateway rotated. */
  async refresh(): Promise<void> {
    const rows = await this.#d.store.db
      .selectFrom('signing_keys')
      .selectAll()
      .where('state', '=', 'current')
      .execute()
    if (rows.some(({ kid }) => kid === this.#current?.kid)) return
    for (const row of rows) this.#current = this.#open(row) ?? this.#current
  }

  /** Undefined for a key that another gateway on the same database sealed under a key of its own; its tokens verify all the same. */
  #open({ kid, sealed }: SigningKeyRow): SigningKey | undefined {
    try {
      return { kid, key: createPrivateKey(this.#d.sealer.open(`signing-key:${kid}`, sealed)) }
    } catch {
      return undefined
    }
  }

  /** The current key as data, for processes of this gateway that sign requests (RFC 9421). */
  get requestKey(): RequestKey {
    const { kid, key } = this.current
    return { kid, pem: key.export({ type: 'pkcs8', format: 'pem' }) as string }
  }

  get current(): SigningKey {
    if (!this.#current) throw new Error('the signing keys are not loaded')
    return this.#current
  }

  /** The next key signs from now on; the one before is published until all it signed has ended. */
  async rotate(by: LogActor): Promise<void> {
    const now = this.#d.clock.now()
    const before = this.current.kid
    await this.#d.recorder.append({ type: 'signing_key.rotated', actor: by, data: { replaces: before } })
    await this.#d.store.transaction(async (tx) => {
      const previous = { state: 'previous', retire_at: now + LINGER_MS } as const
      const { numUpdatedRows } = await tx
        .updateTable('signing_keys')
        .set(previous)
        .where('kid', '=', before)
        .where('state', '=', 'current')
        .executeTakeFirst()
      // Another gateway was first.
      if (numUpdatedRows !== 1n) return
      const waiting = await tx.selectFrom('signing_keys').selectAll().where('state', '=', 'next').execute()
      const own = waiting.filter((row) => this.#open(row) !== undefined).map(({ kid }) => kid)
      if (own.length > 0)
        await tx
          .updateTable('signing_keys')
          .set({ state: 'current', activated_at: now })
          .where('kid', 'in', own)
          .execute()
      else await this.#make(tx, 'current')
      await this.#make(tx, 'next')
    })
    await this.refresh()
  }

  /** Upkeep: rotates a key that has signed for long enough, and forgets those whose time is over. */
  async upkeep(lifetimeMs: number): Promise<void> {
    const now = this.#d.clock.now()
    await this.#d.store.db
      .updateTable('signing_keys')
      .set({ state: 'retired', sealed: '' })
      .where('state', '=', 'previous')
      .where('retire_at', '<=', now)
      .execute()
    const due = await this.#d.store.db
      .selectFrom('signing_keys')
      .select('kid')
      .where('state', '=', 'current')
      .where('kid', '=', this.current.kid)
      .where('activated_at', '<=', now - lifetimeMs)
      .executeTakeFirst()
    if (due) await this.rotate({ kind: 'gateway' })
    else await this.refresh()
  }

  /** What others verify by (RFC 7517). */
  async published(): Promise<{ keys: JWK[] }> {
    const rows = await this.#d.store.db
      .selectFrom('signing_keys')
      .select(['jwk', 'kid'])
      .where('state', '!=', 'retired')
      .orderBy('created_at')
      .execute()
    return {
      keys: rows.map(({ jwk, kid }) => ({ ...(JSON.parse(jwk) as JWK), kid, alg: 'ES256', use: 'sig' })),
    }
  }

  async #make(tx: Tx, state: 'current' | 'next'): Promise<void> {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const jwk = createPublicKey(privateKey).export({ format: 'jwk' }) as JWK
    const kid = await calculateJwkThumbprint(jwk)
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
    const now = this.#d.clock.now()
    const row: SigningKeyRow = {
      kid,
      jwk: JSON.stringify(jwk),
      sealed: this.#d.sealer.seal(`signing-key:${kid}`, pem),
      state,
      created_at: now,
      activated_at: now,
      retire_at: null,
    }
    await tx.insertInto('signing_keys').values(row).execute()
  }
}
