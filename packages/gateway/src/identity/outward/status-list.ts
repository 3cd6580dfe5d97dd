import { randomInt } from 'node:crypto'
import { deflateSync } from 'node:zlib'
import { SignJWT } from 'jose'
import type { Clock } from '../../lib/clock.ts'
import type { Store } from '../../store/store.ts'
import { UniqueViolation } from '../../store/store.ts'
import type { SigningKey } from './signing-keys.ts'
import { OUTWARD_S } from './token.ts'

/** Entries of the one list. Indexes are drawn at random, so that one says nothing about how many there are. */
const SIZE = 1 << 17
const TRIES = 20
const TTL_S = 15

/**
 * Token Status List (draft-ietf-oauth-status-list-20) over outward tokens: one bit each, 1 when its task has ended before the token did.
 * An entry is free again a minute after its token.
 */
export class StatusList {
  readonly #store: Store
  readonly #clock: Clock

  constructor(deps: { store: Store; clock: Clock }) {
    this.#store = deps.store
    this.#clock = deps.clock
  }

  /** An entry for a new token of a task. */
  async allocate(task: string): Promise<number> {
    const expires_at = this.#clock.now() + 2 * OUTWARD_S * 1000
    for (let tries = 0; tries < TRIES; tries++) {
      const idx = randomInt(SIZE)
      try {
        await this.#store.transaction((tx) =>
          tx.insertInto('outward_tokens').values({ idx, task_id: task, expires_at, revoked: 0 }).execute(),
        )
        return idx
      } catch (error) {
        if (!(error instanceof UniqueViolation)) throw error
      }
    }
    throw new Error('the status list is full')
  }

  /** The task has ended: its tokens are told to be dead. */
  async revoke(task: string): Promise<void> {
    await this.#store.db
      .updateTable('outward_tokens')
      .set({ revoked: 1 })
      .where('task_id', '=', task)
      .execute()
  }

  async sweep(): Promise<void> {
    await this.#store.db.deleteFrom('outward_tokens').where('expires_at', '<', this.#clock.now()).execute()
  }

  /** The list as a signed token (section 5.1). */
  async token(key: SigningKey, uri: string, issuer: string): Promise<string> {
    const rows = await this.#store.db
      .selectFrom('outward_tokens')
      .select('idx')
      .where('revoked', '=', 1)
      .execute()
    const now = Math.floor(this.#clock.now() / 1000)
    return await new SignJWT({
      status_list: {
        bits: 1,
        lst: encodeBits(
          SIZE,
          rows.map(({ idx }) => idx),
        ),
      },
      ttl: TTL_S,
    })
      .setProtectedHeader({ alg: 'ES256', kid: key.kid, typ: 'statuslist+jwt' })
      .setIssuer(issuer)
      .setSubject(uri)
      .setIssuedAt(now)
      .setExpirationTime(now + 4 * TTL_S)
      .sign(key.key)
  }
}

/** Section 4.1: bit `idx` counts from the least significant of its byte; the bytes are compressed by zlib. */
export function encodeBits(size: number, set: readonly number[]): string {
  const bytes = Buffer.alloc(Math.ceil(size / 8))
  for (const idx of set) bytes[idx >> 3] = (bytes[idx >> 3] as number) | (1 << (idx & 7))
  return deflateSync(bytes, { level: 9 }).toString('base64url')
}
