import { hash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { Clock } from '../lib/clock.ts'
import { idsOf } from '../model/lineage.ts'
import type { Actor, Principal } from '../model/principal.ts'
import { refuse } from '../model/refusal.ts'
import type { Store, Tx } from '../store/store.ts'

/** `ost_`, 256 random bits, and a checksum so that secret scanners find leaked ones without false alarms. */
const FORM = /^ost_([\w-]{43})([0-9a-z]{6})$/

/** Tokens one instance may hold at a time; a client needs one per open task. */
const MAX_HELD = 500

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

/** Which tokens to revoke: one, or all of an instance or agent. */
type RevokeBy = { hash: string } | { instance: string } | { agent: string } | { bearersOf: string }

export interface NewToken {
  readonly principal: Principal
  readonly task: string | undefined
  /** Of that task, the root first. */
  readonly lineage: readonly string[]
  readonly expiresAt: number
}

/** What a token stands for, as the authenticate stage needs it. */
export interface TokenSession {
  readonly tokenHash: string
  readonly principal: Principal
  /** The task it is bound to; undefined for a token that only opens tasks. */
  readonly task: string | undefined
  /** That task and those above it, the root first; empty without a task. */
  readonly lineage: readonly string[]
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
  /** Counts what was dropped, so that a row read before a revocation is not kept after it. */
  #drops = 0

  constructor(deps: { store: Store; clock: Clock }) {
    this.#store = deps.store
    this.#clock = deps.clock
  }

  /** Tokens in memory. */
  get size(): number {
    return this.#live.size
  }

  /**
   * A new token for an instance that may still act, bound to a key that is good for as long as the token.
   * @throws Refusal AGENT_SUSPENDED, AGENT_REVOKED, INSTANCE_REVOKED, BEARER_REFUSED, PROOF_KEY_MISMATCH or TOO_MANY
   */
  async issue(input: NewToken): Promise<string> {
    const token = mintToken()
    const tokenHash = hashToken(token)
    const { principal, task, lineage, expiresAt } = input
    const now = this.#clock.now()
    const drops = this.#drops
    await this.#store.transaction(async (tx) => {
      await assertMayHold(tx, principal, expiresAt, now)
      await tx
        .insertInto('tokens')
        .values({
          hash: tokenHash,
          instance_id: principal.instance,
          agent_id: principal.agent,
          task_id: task ?? null,
          jkt: principal.jkt,
          binding: principal.binding,
          expires_at: expiresAt,
          revoked_at: null,
          created_at: now,
        })
        .execute()
    })
    const status = { agent: 'active', instance: 'active', token: 'live' } as const
    if (drops === this.#drops)
      this.#live.set(tokenHash, { tokenHash, principal, task, lineage, expiresAt, status })
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
    const drops = this.#drops
    const row = await this.#store.db
      .selectFrom('tokens')
      .innerJoin('agents', 'agents.id', 'tokens.agent_id')
      .innerJoin('instances', 'instances.id', 'tokens.instance_id')
      .leftJoin('tasks', 'tasks.id', 'tokens.task_id')
      .selectAll('tokens')
      .select([
        'agents.name',
        'agents.sponsor',
        'agents.status as agent_status',
        'instances.status as instance_status',
        'tasks.lineage',
      ])
      .where('tokens.hash', '=', tokenHash)
      .executeTakeFirst()
    if (!row) return undefined
    const lineage = row.lineage === null ? [] : idsOf(row.lineage)
    const own = { agent: row.agent_id, instance: row.instance_id }
    const session: TokenSession = {
      tokenHash,
      principal: {
        agent: row.agent_id,
        agentName: row.name,
        instance: row.instance_id,
        jkt: row.jkt,
        binding: row.binding,
        sponsor: row.sponsor,
        chain: lineage.length > 1 ? await this.chainOf(lineage) : [own],
      },
      task: row.task_id ?? undefined,
      lineage,
      expiresAt: row.expires_at,
      status: {
        agent: row.agent_status,
        instance: row.instance_status,
        token: row.revoked_at === null ? 'live' : 'revoked',
      },
    }
    const live =
      session.status.token === 'live' && row.agent_status === 'active' && row.instance_status === 'active'
    if (live && drops === this.#drops && row.expires_at > this.#clock.now())
      this.#live.set(tokenHash, session)
    return session
  }

  /** Who acts in the tasks of a lineage, the newest first: the delegation chain. */
  async chainOf(lineage: readonly string[]): Promise<readonly Actor[]> {
    const rows = await this.#store.db
      .selectFrom('tasks')
      .select(['agent_id as agent', 'instance_id as instance', 'lineage'])
      .where('id', 'in', lineage)
      .execute()
    return rows
      .toSorted((a, b) => b.lineage.length - a.lineage.length)
      .map(({ agent, instance }) => ({ agent, instance }))
  }

  /** Forgets live tokens at once, for revocations whose rows another room changes in its own transaction. */
  drop(matches: { task?: string; instance?: string; agent?: string; hash?: string }): void {
    this.#drops++
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

  async revoke(by: RevokeBy): Promise<void> {
    const query = this.#store.db
      .updateTable('tokens')
      .set({ revoked_at: this.#clock.now() })
      .where('revoked_at', 'is', null)
    try {
      if ('hash' in by) await query.where('hash', '=', by.hash).execute()
      else if ('instance' in by) await query.where('instance_id', '=', by.instance).execute()
      else if ('agent' in by) await query.where('agent_id', '=', by.agent).execute()
      else await query.where('agent_id', '=', by.bearersOf).where('binding', '=', 'bearer').execute()
    } finally {
      // When the store failed, a token that comes back is read again, with the status of its agent and instance.
      this.drop('bearersOf' in by ? { agent: by.bearersOf } : by)
    }
  }

  /** Forgets every live token: the next use of each reads the store. */
  dropAll(): void {
    this.#drops++
    this.#live.clear()
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

/** Serialised with what revokes: a token is issued before a revocation, which then finds it, or not at all. */
async function assertMayHold(tx: Tx, principal: Principal, expiresAt: number, now: number): Promise<void> {
  const holder = await tx
    .selectFrom('instance_keys')
    .innerJoin('instances', 'instances.id', 'instance_keys.instance_id')
    .innerJoin('agents', 'agents.id', 'instances.agent_id')
    .select(['agents.status as agent', 'instances.status as instance', 'bearer', 'state', 'not_after'])
    .where('jkt', '=', principal.jkt)
    .where('instance_id', '=', principal.instance)
    .executeTakeFirst()
  if (holder?.instance !== 'active') return refuse('INSTANCE_REVOKED')
  if (holder.agent === 'suspended') refuse('AGENT_SUSPENDED', { agent: principal.agentName })
  if (holder.agent === 'revoked') refuse('AGENT_REVOKED', { agent: principal.agentName })
  if (principal.binding === 'bearer' && holder.bearer !== 1)
    refuse('BEARER_REFUSED', { agent: principal.agentName })
  if (holder.state === 'revoked' || (holder.not_after ?? expiresAt) < expiresAt) refuse('PROOF_KEY_MISMATCH')
  const { held } = await tx
    .selectFrom('tokens')
    .select((e) => e.fn.countAll<number>().as('held'))
    .where('instance_id', '=', principal.instance)
    .where('expires_at', '>', now)
    .where('revoked_at', 'is', null)
    .executeTakeFirstOrThrow()
  if (Number(held) >= MAX_HELD) refuse('TOO_MANY', { what: 'tokens in force', seconds: 60 })
}
