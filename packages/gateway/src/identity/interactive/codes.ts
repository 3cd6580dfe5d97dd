import { hash, randomBytes } from 'node:crypto'
import type { Clock } from '../../lib/clock.ts'
import type { Store } from '../../store/store.ts'
import type { TaskWish } from '../authorization-server/context.ts'

/** An authorization code is redeemed at once or not at all (RFC 9700 section 4.5, OAuth 2.1). */
const CODE_MS = 60_000

/** What a person agreed to. */
export interface Consent {
  readonly clientId: string
  /** Agent by name. */
  readonly agent: string
  readonly person: string
  readonly redirectUri: string
  /** S256 challenge (RFC 7636). */
  readonly challenge: string
  /** Key the code is bound to (RFC 9449 section 10), when the client named one. */
  readonly jkt: string | undefined
  readonly wish: TaskWish
}

export interface RefreshTicket {
  readonly instance: string
  readonly task: string
  readonly clientId: string
}

export type Redeemed<T> =
  | { readonly ok: T }
  /** It was used before: whoever has it now, or had it then, is not who it was made for. */
  | { readonly reusedFor: string | undefined }
  | undefined

export const REFRESH_PREFIX = 'osr_'

const secret = () => randomBytes(32).toString('base64url')
const digest = (text: string) => hash('sha256', text, 'hex')

/** Authorization codes and refresh tokens: stored as hashes, good once, and their second use ends what came of the first. */
export class Codes {
  readonly #store: Store
  readonly #clock: Clock

  constructor(deps: { store: Store; clock: Clock }) {
    this.#store = deps.store
    this.#clock = deps.clock
  }

  async issue(consent: Consent): Promise<string> {
    const code = `osc_${secret()}`
    const now = this.#clock.now()
    await this.#store.db
      .insertInto('authorization_codes')
      .values({
        code_hash: digest(code),
        consent: JSON.stringify(consent),
        expires_at: now + CODE_MS,
        used_at: null,
        task_id: null,
        created_at: now,
      })
      .execute()
    return code
  }

  /** Uses a code up. Of two racing uses one gets it. */
  async redeem(code: string): Promise<Redeemed<Consent>> {
    const code_hash = digest(code.slice(0, 200))
    const now = this.#clock.now()
    return await this.#store.transaction(async (tx) => {
      const row = await tx
        .selectFrom('authorization_codes')
        .selectAll()
        .where('code_hash', '=', code_hash)
        .executeTakeFirst()
      if (!row) return undefined
      if (row.used_at !== null) return { reusedFor: row.task_id ?? undefined }
      await tx
        .updateTable('authorization_codes')
        .set({ used_at: now })
        .where('code_hash', '=', code_hash)
        .execute()
      return row.expires_at > now ? { ok: JSON.parse(row.consent) as Consent } : undefined
    })
  }

  /** What a person agreed to and nobody has taken up yet comes to nothing. */
  async voidOf(person: string): Promise<void> {
    const now = this.#clock.now()
    await this.#store.transaction(async (tx) => {
      const open = await tx
        .selectFrom('authorization_codes')
        .select(['code_hash', 'consent'])
        .where('used_at', 'is', null)
        .where('expires_at', '>', now)
        .execute()
      const theirs = open.filter(({ consent }) => (JSON.parse(consent) as Consent).person === person)
      for (const { code_hash } of theirs)
        await tx
          .updateTable('authorization_codes')
          .set({ used_at: now })
          .where('code_hash', '=', code_hash)
          .execute()
    })
  }

  /** Remembers what came of a code, for the case that it turns up again. */
  async came(code: string, task: string): Promise<void> {
    await this.#store.db
      .updateTable('authorization_codes')
      .set({ task_id: task })
      .where('code_hash', '=', digest(code))
      .execute()
  }

  async issueRefresh(ticket: RefreshTicket, expiresAt: number): Promise<string> {
    const token = `${REFRESH_PREFIX}${secret()}`
    await this.#store.db
      .insertInto('refresh_tokens')
      .values({
        hash: digest(token),
        instance_id: ticket.instance,
        task_id: ticket.task,
        client_id: ticket.clientId,
        expires_at: expiresAt,
        used_at: null,
        created_at: this.#clock.now(),
      })
      .execute()
    return token
  }

  /** Looks at a refresh token without using it up. */
  async peekRefresh(token: string): Promise<RefreshTicket | undefined> {
    const row = await this.#store.db
      .selectFrom('refresh_tokens')
      .selectAll()
      .where('hash', '=', digest(token.slice(0, 200)))
      .executeTakeFirst()
    return row && { instance: row.instance_id, task: row.task_id, clientId: row.client_id }
  }

  /** Uses a refresh token up (rotation, RFC 9700 section 4.14.2). */
  async redeemRefresh(token: string): Promise<Redeemed<RefreshTicket>> {
    const tokenHash = digest(token.slice(0, 200))
    const now = this.#clock.now()
    return await this.#store.transaction(async (tx) => {
      const row = await tx
        .selectFrom('refresh_tokens')
        .selectAll()
        .where('hash', '=', tokenHash)
        .executeTakeFirst()
      if (!row) return undefined
      if (row.used_at !== null) return { reusedFor: row.task_id }
      await tx.updateTable('refresh_tokens').set({ used_at: now }).where('hash', '=', tokenHash).execute()
      if (row.expires_at <= now) return undefined
      return { ok: { instance: row.instance_id, task: row.task_id, clientId: row.client_id } }
    })
  }

  /** Forgets what is over, a day after its end: until then a second use is told. */
  async sweep(): Promise<void> {
    const before = this.#clock.now() - 24 * 60 * 60_000
    await this.#store.db.deleteFrom('authorization_codes').where('expires_at', '<', before).execute()
    await this.#store.db.deleteFrom('refresh_tokens').where('expires_at', '<', before).execute()
  }
}
