import { hash, randomBytes } from 'node:crypto'
import type { Clock } from '../lib/clock.ts'
import type { LogActor, Recorder } from '../model/evidence.ts'
import { refuse } from '../model/refusal.ts'
import type { Store } from '../store/store.ts'

const LIFETIME_MS = 10 * 60_000
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** One-time codes: 160 random bits in groups a person can read out, good for ten minutes and one use, stored as a hash. */
export class Enrolment {
  readonly #d: { store: Store; recorder: Recorder; clock: Clock }

  constructor(deps: { store: Store; recorder: Recorder; clock: Clock }) {
    this.#d = deps
  }

  async issue(agentId: string, by: LogActor): Promise<{ code: string; expires_at: number }> {
    const code = [...randomBytes(32)]
      .map((byte) => ALPHABET[byte % 32])
      .join('')
      .replace(/.{4}(?=.)/g, '$&-')
    const now = this.#d.clock.now()
    await this.#d.recorder.append({ type: 'enrolment.issued', actor: by, data: { agent: agentId } })
    await this.#d.store.db
      .insertInto('enrolment_codes')
      .values({
        code_hash: hashCode(code),
        agent_id: agentId,
        expires_at: now + LIFETIME_MS,
        used_at: null,
        created_at: now,
      })
      .execute()
    return { code, expires_at: now + LIFETIME_MS }
  }

  /** Uses a code up. Of two racing uses exactly one gets the agent. @throws Refusal ENROLMENT_CODE_INVALID */
  async redeem(code: string): Promise<string> {
    const codeHash = hashCode(code)
    const now = this.#d.clock.now()
    const agent = await this.#d.store.transaction(async (tx) => {
      const used = await tx
        .updateTable('enrolment_codes')
        .set({ used_at: now })
        .where('code_hash', '=', codeHash)
        .where('used_at', 'is', null)
        .where('expires_at', '>', now)
        .executeTakeFirst()
      if (used.numUpdatedRows !== 1n) return undefined
      return await tx
        .selectFrom('enrolment_codes')
        .innerJoin('agents', 'agents.id', 'enrolment_codes.agent_id')
        .select('agents.id')
        .where('code_hash', '=', codeHash)
        .where('agents.status', '=', 'active')
        .executeTakeFirst()
    })
    return agent?.id ?? refuse('ENROLMENT_CODE_INVALID')
  }
}

/** Case, separators and look-alikes do not count, so a code survives being read out (Crockford base32). */
const hashCode = (code: string): string =>
  hash(
    'sha256',
    code
      .slice(0, 100)
      .toUpperCase()
      .replace(/[^0-9A-Z]/g, '')
      .replaceAll('O', '0')
      .replace(/[IL]/g, '1'),
    'hex',
  )
