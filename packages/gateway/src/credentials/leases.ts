import type { CredentialKind } from '../config/credential-schema.ts'
import type { SecretReference, ServerConfig } from '../config/schema.ts'
import { isStdio } from '../config/schema.ts'
import type { Clock } from '../lib/clock.ts'
import type { RequestKey } from '../lib/http-signature.ts'
import { newId } from '../lib/id.ts'
import type { Secret } from '../lib/secret.ts'
import { AuditUnavailable, type Recorder } from '../model/evidence.ts'
import { Refusal, refuse } from '../model/refusal.ts'
import type { LeaseRow } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import type { Broker, LeaseHolder, Minted } from './broker.ts'
import { CannotRevoke } from './broker.ts'
import type { Injection } from './injection.ts'
import { compose } from './injection.ts'
import { seal, unseal } from './seal.ts'

interface Lease {
  readonly id: string
  readonly task: string
  readonly server: string
  readonly injection: Injection
  readonly secrets: ReadonlyMap<string, string>
}

interface LeaseDeps {
  readonly store: Store
  readonly recorder: Recorder
  readonly clock: Clock
  readonly brokers: ReadonlyMap<CredentialKind, Broker>
  /** Seals what revoking needs. */
  readonly kek: Buffer
  resolve(server: string, reference: SecretReference): Promise<Secret>
  serverConfig(server: string): ServerConfig | undefined
  /** The live task; undefined when it may no longer get a credential. */
  holder(task: string): LeaseHolder | undefined
  /** A lease was opened; its secrets are known now. The first injection waits for this. */
  onOpened(): Promise<void>
  /** For people: a credential may still be good though its task has ended. */
  onAlarm(problem: string): void
  /** The key that signs requests now. */
  requestKey(): RequestKey
}

/** Leases of the gateway itself, for asking servers what they offer. */
export const OWN_TASK = 'gateway'

const MIN_LEAK = 8
const MINT_MS = 15_000
const REVOKE_MS = 10_000
/** A credential this close to its end is replaced; a short-lived one when a third of its life is left. */
const MARGIN_MS = 20_000
const FIRST_RETRY_MS = 1000
const LONGEST_RETRY_MS = 5 * 60_000
/** From the third failure on, somebody should look. */
const ALARM_AT = 3
const ALIVE = ['minting', 'active', 'revoking', 'revoke_failed'] as const

/** Upstream credentials by task: minted on first use, renewed before they end, revoked with the task, retried until it is certain. */
export class Leases {
  readonly #d: LeaseDeps
  readonly #leases = new Map<string, Lease | Promise<Lease>>()
  /** Ends under way, so that nobody tries the same one at the same time. */
  readonly #ending = new Map<string, Promise<boolean>>()

  constructor(deps: LeaseDeps) {
    this.#d = deps
  }

  /** What to inject for this task. Synchronous once the lease is open. @throws Refusal CREDENTIAL_UNAVAILABLE */
  injectionFor(server: string, task: string): Injection | Promise<Injection> {
    const key = `${task}\n${server}`
    const held = this.#leases.get(key)
    if (held instanceof Promise) return held.then((lease) => lease.injection)
    if (held && this.#isFresh(held.injection)) return held.injection
    const replaced = held?.id
    const opening = this.#open(server, task)
    this.#leases.set(key, opening)
    return opening.then(
      async (lease) => {
        if (this.#leases.get(key) === opening) this.#leases.set(key, lease)
        // What it replaces is given back, but nobody waits for that.
        if (replaced !== undefined) void this.#end(replaced).catch(() => {})
        await this.#d.onOpened()
        return lease.injection
      },
      (error: unknown) => {
        if (this.#leases.get(key) === opening) this.#leases.delete(key)
        throw error
      },
    )
  }

  #isFresh({ freshUntil }: Injection): boolean {
    return freshUntil === undefined || freshUntil > this.#d.clock.now()
  }

  /** The row is written before anything is minted, so that a crash leaves a trace of what may have to be revoked. */
  async #open(server: string, task: string): Promise<Lease> {
    const config = this.#d.serverConfig(server)
    if (!config) return refuse('SERVER_UNKNOWN', { server })
    const holder = task === OWN_TASK ? undefined : this.#d.holder(task)
    if (!holder && task !== OWN_TASK) return refuse('TASK_CLOSED', { end: 'no longer live' })
    const { credential } = config
    const id = newId('lse')
    const now = this.#d.clock.now()
    const row: LeaseRow = {
      id,
      task_id: task,
      server,
      broker: credential?.kind ?? 'static',
      state: 'minting',
      upstream_expires_at: null,
      reference: null,
      attempts: 0,
      next_retry_at: null,
      last_error: null,
      created_at: now,
      closed_at: null,
    }
    await this.#d.store.db.insertInto('leases').values(row).execute()
    try {
      const signal = AbortSignal.timeout(MINT_MS)
      const minted =
        credential &&
        (await this.#broker(credential.kind).mint({ lease: id, server, config: credential, holder, signal }))
      const composed = await compose(server, config, minted, this.#d.resolve)
      await this.#d.recorder.append({
        type: 'lease.opened',
        actor: { kind: 'gateway' },
        task,
        data: { lease: id, server, credential: row.broker, expires_at: minted?.expiresAt ?? null },
      })
      await this.#activate(id, task, minted)
      const freshUntil =
        minted?.expiresAt === undefined
          ? undefined
          : minted.expiresAt - Math.min(MARGIN_MS, (minted.expiresAt - now) / 3)
      const { headers, env, secrets } = composed
      const signing = !isStdio(config) && config.sign_requests ? { signing: this.#d.requestKey() } : {}
      return { id, task, server, injection: { headers, env, freshUntil, ...signing }, secrets }
    } catch (error) {
      // Whether anything was minted is not always known, so it is revoked like one that was.
      await this.#end(id).catch(() => {})
      if (error instanceof Refusal || error instanceof AuditUnavailable) throw error
      return refuse('CREDENTIAL_UNAVAILABLE', { server, detail: 'it could not be minted' })
    }
  }

  /** @throws Refusal when the task ended while its credential was being minted */
  async #activate(id: string, task: string, minted: Minted | undefined): Promise<void> {
    const { numUpdatedRows } = await this.#d.store.db
      .updateTable('leases')
      .set({
        state: 'active',
        upstream_expires_at: minted?.expiresAt ?? null,
        reference:
          minted?.reference === undefined ? null : seal(this.#d.kek, `lease:${id}`, 1, minted.reference),
      })
      .where('id', '=', id)
      .where('state', '=', 'minting')
      .executeTakeFirst()
    const isOver = task !== OWN_TASK && this.#d.holder(task) === undefined
    if (numUpdatedRows !== 1n || isOver) refuse('TASK_CLOSED', { end: 'meanwhile' })
  }

  /**
   * Ends every lease of a task. Safe to repeat.
   * @returns true when each is revoked or has lapsed; false when some are tried again by {@link retryDue}
   */
  async close(task: string): Promise<boolean> {
    for (const [key] of this.#leases) if (key.startsWith(`${task}\n`)) this.#leases.delete(key)
    const rows = await this.#d.store.db
      .selectFrom('leases')
      .select('id')
      .where('task_id', '=', task)
      .where('state', 'in', ALIVE)
      .execute()
    const ended = await Promise.all(rows.map(({ id }) => this.#end(id)))
    return ended.every(Boolean)
  }

  /** One attempt to end a lease. @returns whether it is over */
  #end(id: string): Promise<boolean> {
    const pending = this.#ending.get(id)
    if (pending !== undefined) return pending
    const ending = this.#attempt(id).finally(() => this.#ending.delete(id))
    this.#ending.set(id, ending)
    return ending
  }

  async #attempt(id: string): Promise<boolean> {
    const { db } = this.#d.store
    const now = this.#d.clock.now()
    await db
      .updateTable('leases')
      .set({ state: 'revoking' })
      .where('id', '=', id)
      .where('state', 'in', ALIVE)
      .execute()
    const row = await db.selectFrom('leases').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
    if (row.state === 'revoked' || row.state === 'lapsed') return true
    const isLapsed = row.upstream_expires_at !== null && row.upstream_expires_at <= now
    const failure = isLapsed ? undefined : await this.#tryRevoke(row)
    if (failure === undefined) {
      await this.#over(row, isLapsed ? 'lapsed' : 'revoked')
      return true
    }
    await this.#failed(row, failure)
    return false
  }

  /** @returns why it failed, in words that hold no secret; undefined when the credential is dead */
  async #tryRevoke(row: LeaseRow): Promise<string | undefined> {
    const credential = this.#d.serverConfig(row.server)?.credential
    if (row.broker === 'static') return undefined
    if (credential?.kind !== row.broker)
      return 'the configuration it was minted with is gone; put the server’s `credential` back'
    try {
      await this.#broker(credential.kind).revoke({
        lease: row.id,
        server: row.server,
        config: credential,
        reference:
          row.reference === null
            ? undefined
            : unseal(this.#d.kek, `lease:${row.id}`, 1, row.reference).reveal(),
        signal: AbortSignal.timeout(REVOKE_MS),
      })
      return undefined
    } catch (error) {
      if (error instanceof CannotRevoke) return 'it cannot be revoked, only lapse'
      return error instanceof Refusal ? error.message : 'the broker failed'
    }
  }

  async #over(row: LeaseRow, state: 'revoked' | 'lapsed'): Promise<void> {
    const now = this.#d.clock.now()
    const { numUpdatedRows } = await this.#d.store.db
      .updateTable('leases')
      .set({ state, closed_at: now, reference: null, next_retry_at: null, last_error: null })
      .where('id', '=', row.id)
      .where('closed_at', 'is', null)
      .executeTakeFirst()
    if (numUpdatedRows !== 1n) return
    // Ending is the safe side: an entry that the log cannot take does not bring it back.
    await this.#d.recorder
      .append({
        type: 'lease.closed',
        actor: { kind: 'gateway' },
        task: row.task_id,
        data: { lease: row.id, server: row.server, end: state },
      })
      .catch(() => {})
  }

  async #failed(row: LeaseRow, why: string): Promise<void> {
    const attempts = row.attempts + 1
    const wait = Math.min(FIRST_RETRY_MS * 2 ** Math.min(attempts - 1, 20), LONGEST_RETRY_MS)
    await this.#d.store.db
      .updateTable('leases')
      .set({
        state: 'revoke_failed',
        attempts,
        next_retry_at: this.#d.clock.now() + wait,
        last_error: why.slice(0, 300),
      })
      .where('id', '=', row.id)
      .execute()
    if (attempts !== 1 && attempts !== ALARM_AT) return
    const data = { lease: row.id, server: row.server, attempts, why: why.slice(0, 300) }
    await this.#d.recorder
      .append({ type: 'lease.revoke_failed', actor: { kind: 'gateway' }, task: row.task_id, data })
      .catch(() => {})
    if (attempts === ALARM_AT)
      this.#d.onAlarm(`the credential ${row.id} for ${row.server} could not be revoked: ${why}`)
  }

  /** Upkeep: tries again what failed and is due, and what an end that broke off left behind. */
  async retryDue(): Promise<void> {
    const rows = await this.#d.store.db
      .selectFrom('leases')
      .leftJoin('tasks', 'tasks.id', 'leases.task_id')
      .select('leases.id')
      .where((e) =>
        e.or([
          e.and([
            e('leases.state', '=', 'revoke_failed'),
            e('leases.next_retry_at', '<=', this.#d.clock.now()),
          ]),
          e.and([e('leases.state', 'in', ['active', 'revoking']), e('tasks.state', '=', 'closing')]),
        ]),
      )
      .execute()
    await Promise.all(rows.map(({ id }) => this.#end(id)))
  }

  async isOver(task: string): Promise<boolean> {
    const row = await this.#d.store.db
      .selectFrom('leases')
      .select('id')
      .where('task_id', '=', task)
      .where('state', 'in', ALIVE)
      .executeTakeFirst()
    return row === undefined
  }

  /** Leases that may be good beyond their task, or are in use; without what is sealed. */
  async list(filter: { task?: string; alive: boolean }): Promise<readonly Omit<LeaseRow, 'reference'>[]> {
    let query = this.#d.store.db.selectFrom('leases').selectAll().orderBy('id', 'desc').limit(1000)
    if (filter.task !== undefined) query = query.where('task_id', '=', filter.task)
    if (filter.alive) query = query.where('state', 'in', ALIVE)
    return (await query.execute()).map(({ reference: _, ...row }) => row)
  }

  /** After a crash: ends what belongs to tasks that are over, and what the gateway itself had. */
  async recover(): Promise<void> {
    const rows = await this.#d.store.db
      .selectFrom('leases')
      .leftJoin('tasks', 'tasks.id', 'leases.task_id')
      .select(['leases.task_id'])
      .distinct()
      .where('leases.state', 'in', ALIVE)
      .where((on) => on.or([on('tasks.state', 'is', null), on('tasks.state', 'in', ['closing', 'closed'])]))
      .execute()
    for (const { task_id } of rows) await this.close(task_id)
  }

  /** Gives back what one task holds on one server. */
  async release(server: string, task: string): Promise<void> {
    const held = await this.#leases.get(`${task}\n${server}`)
    this.#leases.delete(`${task}\n${server}`)
    if (held) await this.#end(held.id)
  }

  /** Forgets what was read for a server whose configuration changed; open leases are read again on their next use. */
  refresh(server: string): void {
    for (const [key, lease] of this.#leases) {
      if (!key.endsWith(`\n${server}`)) continue
      this.#leases.delete(key)
      if (!(lease instanceof Promise)) void this.#end(lease.id).catch(() => {})
    }
  }

  /** Secret values in use, for recognising them in content. Short ones would match by chance. */
  knownSecrets(): ReadonlyMap<string, string> {
    const known = new Map<string, string>()
    for (const lease of this.#leases.values()) {
      if (lease instanceof Promise) continue
      for (const [name, value] of lease.secrets) {
        if (value.length < MIN_LEAK || known.get(name) === value) continue
        known.set(known.has(name) ? `${name} of ${lease.task}` : name, value)
      }
    }
    return known
  }

  #broker(kind: CredentialKind): Broker {
    const broker = this.#d.brokers.get(kind)
    if (!broker) throw new Error(`there is no broker for ${kind}`)
    return broker
  }
}
