import { randomUUID } from 'node:crypto'
import type { JWTPayload } from 'jose'
import { SignJWT } from 'jose'
import type { SecretReference } from '../../config/schema.ts'
import type { SignalsConfig } from '../../config/signals-schema.ts'
import type { Clock } from '../../lib/clock.ts'
import { OutboundFailed, outbound } from '../../lib/outbound.ts'
import type { Secret } from '../../lib/secret.ts'
import { Refusal } from '../../model/refusal.ts'
import type { SignalOutRow } from '../../store/schema.ts'
import type { Store } from '../../store/store.ts'
import type { SigningKeys } from '../outward/index.ts'
import { CREDENTIAL_CHANGE, SESSION_REVOKED, SET_TYP } from './events.ts'

const FIRST_RETRY_MS = 1000
const LONGEST_RETRY_MS = 10 * 60_000
const GIVE_UP_MS = 24 * 60 * 60_000
const BATCH = 20

interface OutboxDeps {
  readonly store: Store
  readonly clock: Clock
  readonly keys: SigningKeys
  issuer(): string
  receivers(): SignalsConfig['send']
  secret(server: string, reference: SecretReference): Promise<Secret>
}

/** What we tell others, written down first and pushed until it is taken (RFC 8935), at least once, for a day. */
export class Outbox {
  readonly #d: OutboxDeps
  #delivering = false

  constructor(deps: OutboxDeps) {
    this.#d = deps
  }

  /** A task has ended: whatever an upstream keeps of it is over. */
  taskEnded(task: { id: string; txn: string }, end: string): Promise<void> {
    return this.#put(
      SESSION_REVOKED,
      { format: 'opaque', id: task.id },
      { initiating_entity: 'policy', reason_admin: { en: end } },
      task.txn,
    )
  }

  /** An instance and its keys are revoked. */
  instanceRevoked(instance: string): Promise<void> {
    const subject = { format: 'opaque', id: instance }
    return this.#put(
      CREDENTIAL_CHANGE,
      subject,
      { credential_type: 'dpop-key', change_type: 'revoke' },
      instance,
    )
  }

  async #put(type: string, subject: object, event: object, txn: string): Promise<void> {
    const now = this.#d.clock.now()
    for (const { audience } of this.#d.receivers()) {
      const body = JSON.stringify({
        sub_id: subject,
        txn,
        events: { [type]: { event_timestamp: Math.floor(now / 1000), ...event } },
      })
      const row: SignalOutRow = {
        jti: randomUUID(),
        audience,
        body,
        attempts: 0,
        next_retry_at: now,
        created_at: now,
      }
      await this.#d.store.db.insertInto('signals_out').values(row).execute()
    }
  }

  /** Signed at each attempt: receivers take no old ones, and by then the key of the first may be published no more. */
  #signed({ jti, audience, body }: SignalOutRow): Promise<string> {
    const { kid, key } = this.#d.keys.current
    return new SignJWT(JSON.parse(body) as JWTPayload)
      .setProtectedHeader({ alg: 'ES256', kid, typ: SET_TYP })
      .setIssuer(this.#d.issuer())
      .setAudience(audience)
      .setIssuedAt(Math.floor(this.#d.clock.now() / 1000))
      .setJti(jti)
      .sign(key)
  }

  /** Upkeep: pushes what is due. A receiver that is away holds up nobody but itself. */
  async deliver(): Promise<void> {
    if (this.#delivering) return
    this.#delivering = true
    try {
      const rows = await this.#d.store.db
        .selectFrom('signals_out')
        .selectAll()
        .where('next_retry_at', '<=', this.#d.clock.now())
        .orderBy('created_at')
        .limit(BATCH)
        .execute()
      await Promise.all(rows.map((row) => this.#push(row)))
    } finally {
      this.#delivering = false
    }
  }

  async #push(row: SignalOutRow): Promise<void> {
    const receiver = this.#d.receivers().find(({ audience }) => audience === row.audience)
    const isTooOld = this.#d.clock.now() - row.created_at > GIVE_UP_MS
    // 400 says that it will never be taken.
    const isOver = !receiver || isTooOld || (await this.#isTaken(receiver, await this.#signed(row)))
    const { db } = this.#d.store
    if (isOver) return void (await db.deleteFrom('signals_out').where('jti', '=', row.jti).execute())
    const attempts = row.attempts + 1
    const wait = Math.min(FIRST_RETRY_MS * 2 ** Math.min(attempts, 20), LONGEST_RETRY_MS)
    await db
      .updateTable('signals_out')
      .set({ attempts, next_retry_at: this.#d.clock.now() + wait })
      .where('jti', '=', row.jti)
      .execute()
  }

  async #isTaken({ endpoint, authorization }: SignalsConfig['send'][number], body: string): Promise<boolean> {
    try {
      const secret = authorization && (await this.#d.secret('signals.send', authorization))
      const { status } = await outbound({
        url: endpoint,
        method: 'POST',
        headers: {
          'content-type': `application/${SET_TYP}`,
          ...(secret ? { authorization: secret.reveal() } : {}),
        },
        body,
        origin: 'configured',
      })
      return status === 200 || status === 202 || status === 400
    } catch (error) {
      if (error instanceof OutboundFailed || error instanceof Refusal) return false
      throw error
    }
  }
}
