import { hash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { Clock } from '../lib/clock.ts'
import type { Principal } from '../model/principal.ts'
import type { TokenRow } from '../store/schema.ts'
import type { Store } from '../store/store.ts'

/** `ost_`, 256 random bits, and a checksum so that secret scanners find leaked ones without false alarms. */
const FORM = /^ost_([\w-]{43})([0-9a-z]{6})$/

const checksum = (body: string): string => crc32(body).toString(36).padStart(7, '0').slice(-6)

export function mintToken(): string {
  const body = randomBytes(32).toString('base64url')
  return `ost_${body}${checksum(body)}`
}

export const hashToken = (token: string): string => hash('sha256', token, 'hex')

/** False for anything that cannot be one of our tokens; such text is not even looked up. */
export function isToken(text: string): boolean {
  const match = text.length === 53 ? FORM.exec(text) : null
  return match !== null && checksum(match[1] as string) === match[2]
}

/** What a token stands for, as the authenticate stage needs it. */
export interface TokenSession {
  readonly tokenHash: string
  readonly principal: Principal
  /** The task it is bound to; undefined for a token that only opens tasks. */
  readonly task: string | undefined
  readonly expiresAt: number
  readonly status: { readonly agent: string; readonly instance: string; readonly token: 'live' | 'revoked' }
}

/**
 * Opaque access tokens, stored only as hashes, each bound to an instance key and mostly to a task.
 * Live ones are in memory; whatever revokes one drops it here before it answers.
 */
export class Tokens {
  readonly #store: Store
  readonly #clock: Clock
  readonly #live = new Map<string, TokenSession>()

  constructor(deps: { store: Store; clock: Clock }) {
    this.#store = deps.store
    this.#clock = deps.clock
  }

  async issue(input: { principal: Principal; task: string | undefined; expiresAt: number }): Promise<string> {
    const token = mintToken()
    const tokenHash = hashToken(token)
    const { principal, task, expiresAt } = input
    await this.#store.db
      .insertInto('tokens')
      .values({
        hash: tokenHash,
        instance_id: principal.instance,
        agent_id: principal.agent,
        task_id: task ?? null,
        jkt: principal.jkt,
        expires_at: expiresAt,
        revoked_at: null,
        created_at: this.#clock.now(),
      })
      .execute()
    this.#live.set(tokenHash, {
      tokenHash,
      principal,
      task,
      expiresAt,
      status: { agent: 'active', instance: 'active', token: 'live' },
    })
    return token
  }

  /** The session of a token; from memory when it is live there. */
  resolve(tokenHash: string): TokenSession | Promise<TokenSession | undefined> {
    return this.#live.get(tokenHash) ?? this.#load(tokenHash)
  }

  /** Synchronous, for the record stage: in memory, not expired, not revoked. */
  inForce(tokenHash: string, now: number): boolean {
    const session = this.#live.get(tokenHash)
    return session !== undefined && session.expiresAt > now
  }

  async #load(tokenHash: string): Promise<TokenSession | undefined> {
    const row = await this.#store.db
      .selectFrom('tokens')
      .innerJoin('agents', 'agents.id', 'tokens.agent_id')
      .innerJoin('instances', 'instances.id', 'tokens.instance_id')
      .selectAll('tokens')
      .select([
        'agents.name',
        'agents.sponsor',
        'agents.status as agent_status',
        'instances.status as instance_status',
      ])
      .where('tokens.hash', '=', tokenHash)
      .executeTakeFirst()
    if (!row) return undefined
    const session: TokenSession = {
      tokenHash,
      principal: {
        agent: row.agent_id,
        agentName: row.name,
        instance: row.instance_id,
        jkt: row.jkt,
        sponsor: row.sponsor,
        chain: [{ agent: row.agent_id, instance: row.instance_id }],
      },
      task: row.task_id ?? undefined,
      expiresAt: row.expires_at,
      status: {
        agent: row.agent_status,
        instance: row.instance_status,
        token: row.revoked_at === null ? 'live' : 'revoked',
      },
    }
    const live =
      session.status.token === 'live' && row.agent_status === 'active' && row.instance_status === 'active'
    if (live && row.expires_at > this.#clock.now()) this.#live.set(tokenHash, session)
    return session
  }

  /** Forgets live tokens at once, for revocations whose rows another room changes in its own transaction. */
  drop(matches: { task?: string; instance?: string; agent?: string; hash?: string }): void {
    for (const [key, session] of this.#live) {
      const { principal } = session
      if (
        key === matches.hash ||
        (matches.task !== undefined && session.task === matches.task) ||
        principal.instance === matches.instance ||
        principal.agent === matches.agent
      ) {
        this.#live.delete(key)
      }
    }
  }

  async revoke(where: Partial<Pick<TokenRow, 'hash' | 'instance_id' | 'agent_id'>>): Promise<void> {
    let query = this.#store.db
      .updateTable('tokens')
      .set({ revoked_at: this.#clock.now() })
      .where('revoked_at', 'is', null)
    if (where.hash !== undefined) query = query.where('hash', '=', where.hash)
    if (where.instance_id !== undefined) query = query.where('instance_id', '=', where.instance_id)
    if (where.agent_id !== undefined) query = query.where('agent_id', '=', where.agent_id)
    await query.execute()
    this.drop({
      ...(where.hash === undefined ? {} : { hash: where.hash }),
      ...(where.instance_id === undefined ? {} : { instance: where.instance_id }),
      ...(where.agent_id === undefined ? {} : { agent: where.agent_id }),
    })
  }

  /** Removes expired tokens an hour after their end. */
  async sweep(): Promise<void> {
    const now = this.#clock.now()
    for (const [key, session] of this.#live) if (session.expiresAt <= now) this.#live.delete(key)
    await this.#store.db
      .deleteFrom('tokens')
      .where('expires_at', '<', now - 3_600_000)
      .execute()
  }
}
