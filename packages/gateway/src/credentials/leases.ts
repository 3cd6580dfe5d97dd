import type { CredentialConfig, CredentialKind } from '../config/credential-schema.ts'
import type { SecretReference } from '../config/schema.ts'
import { all } from '../lib/all.ts'
import type { Clock } from '../lib/clock.ts'
import { before, DeadlinePassed } from '../lib/deadline.ts'
import type { RequestKey } from '../lib/http-signature.ts'
import { newId } from '../lib/id.ts'
import type { Secret } from '../lib/secret.ts'
import { AuditUnavailable, type LogTrace, type Recorder } from '../model/evidence.ts'
import { Refusal, refuse } from '../model/refusal.ts'
import type { LeaseRow } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import type { Broker, LeaseHolder, Minted } from './broker.ts'
import { CannotRevoke } from './broker.ts'
import type { Injection, Upstream } from './injection.ts'
import { compose } from './injection.ts'
import { KnownSecrets } from './known.ts'
import { LeaseTable } from './lease-table.ts'
import { seal, unseal } from './seal.ts'

interface Lease {
  readonly id: string
  readonly task: string
  readonly server: string
  readonly injection: Injection
}

/** What revoking needs, as it was when the credential was minted: the configuration may be another by then, or gone. */
interface Handle {
  readonly credential: CredentialConfig
  readonly reference: string | undefined
  readonly expiresAt: number | undefined
}

interface LeaseDeps {
  readonly store: Store
  readonly recorder: Recorder
  readonly clock: Clock
  readonly brokers: ReadonlyMap<CredentialKind, Broker>
  /** Seals what revoking needs. */
  readonly kek: Buffer
  resolve(server: string, reference: SecretReference): Promise<Secret>
  /** Of a server, or a provider of models. */
  serverConfig(server: string): Upstream | undefined
  /** The live task; undefined when it may no longer get a credential. */
  holder(task: string): LeaseHolder | undefined
  /** A lease was opened; its secrets are known now. The first injection waits for this. */
  onOpened(): Promise<void>
  /** For people: a credential may still be good though its task has ended. */
  onAlarm(problem: string): void
  /** The key that signs requests now. */
  requestKey(): RequestKey
  /** Aborts when a broker has had its time; for tests. */
  deadline?(ms: number): AbortSignal
}

/** Leases of the gateway itself, for asking servers what they offer. */
export const OWN_TASK = 'gateway'

const MINT_MS = 15_000
const REVOKE_MS = 10_000
/** A row that says `minting` for this long was left by a process that is no more: minting never takes so long. */
const ORPHAN_MS = 2 * MINT_MS
/** A credential this close to its end is replaced; a short-lived one when a third of its life is left. */
const MARGIN_MS = 20_000
const FIRST_RETRY_MS = 1000
const LONGEST_RETRY_MS = 5 * 60_000
/** From the third failure on, somebody should look. */
const ALARM_AT = 3

/** Why a credential is not known to be dead, in words that hold no secret. */
interface Failure {
  readonly why: string
  /** It ends by itself, and nobody can end it sooner. */
  readonly lapses: boolean
}

/** Upstream credentials by task: minted on first use, renewed before they end, revoked with the task, retried until it is certain. */
export class Leases {
  readonly #d: LeaseDeps
  readonly #leases = new Map<string, Lease | Promise<Lease>>()
  readonly #table: LeaseTable
  readonly #known = new KnownSecrets()
  /** Ids whose broker has not answered yet. */
  readonly #minting = new Set<string>()
  /** What was minted and the store has not taken yet. */
  readonly #unwritten = new Map<string, Handle>()
  /** Ends under way, so that nobody tries the same one at the same time. */
  readonly #ending = new Map<string, Promise<boolean>>()
  /** Ends that broke off, because the store was away, and whether the row may say `minting` though nobody mints. */
  readonly #brokenOff = new Map<string, boolean>()

  constructor(deps: LeaseDeps) {
    this.#d = deps
    this.#table = new LeaseTable(deps.store)
  }

  /** What to inject for this task. Synchronous once the lease is open. @throws Refusal CREDENTIAL_UNAVAILABLE, TASK_CLOSED */
  injectionFor(server: string, task: string, trace?: LogTrace): Injection | Promise<Injection> {
    const key = `${task}\n${server}`
    const held = this.#leases.get(key)
    if (held instanceof Promise) return held.then((lease) => lease.injection)
    if (held && this.#isFresh(held.injection)) {
      if (task !== OWN_TASK && !this.#d.holder(task)) refuse('TASK_CLOSED', { end: 'no longer live' })
      return held.injection
    }
    const replaced = held?.id
    const opening = this.#open(server, task, trace)
    this.#leases.set(key, opening)
    return opening.then(
      async (lease) => {
        const isWanted = this.#leases.get(key) === opening
        if (isWanted) this.#leases.set(key, lease)
        // What it replaces is given back, but nobody waits for that.
        if (replaced !== undefined) void this.#end(replaced).catch(() => {})
        await this.#d.onOpened()
        // The configuration changed meanwhile, or the task ended: this one is of yesterday.
        return isWanted ? lease.injection : await this.injectionFor(server, task, trace)
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
  async #open(server: string, task: string, trace: LogTrace | undefined): Promise<Lease> {
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
      reference:
        credential === undefined
          ? null
          : this.#sealed(id, { credential, reference: undefined, expiresAt: undefined }),
      attempts: 0,
      next_retry_at: null,
      last_error: null,
      created_at: now,
      closed_at: null,
    }
    await this.#table.insert(row)
    try {
      const minted = credential && (await this.#mint(row, credential, holder))
      const composed = await compose(server, config, minted, this.#d.resolve)
      this.#known.learn(id, task, composed.secrets)
      await this.#d.recorder.append({
        type: 'lease.opened',
        actor: { kind: 'gateway' },
        task,
        ...(trace ? { trace } : {}),
        data: { lease: id, server, credential: row.broker, expires_at: minted?.expiresAt ?? null },
      })
      await this.#activate(id, task)
      const freshUntil =
        minted?.expiresAt === undefined
          ? undefined
          : minted.expiresAt - Math.min(MARGIN_MS, (minted.expiresAt - now) / 3)
      const { headers, env } = composed
      const signing =
        'sign_requests' in config && config.sign_requests ? { signing: this.#d.requestKey() } : {}
      const proof = minted?.proof ? { proof: minted.proof } : {}
      return { id, task, server, injection: { headers, env, freshUntil, ...signing, ...proof } }
    } catch (error) {
      // Whether anything was minted is not always known, so it is revoked like one that was.
      await this.#end(id, true).catch(() => {})
      if (error instanceof Refusal || error instanceof AuditUnavailable) throw error
      return refuse('CREDENTIAL_UNAVAILABLE', { server, detail: 'it could not be minted' })
    }
  }

  /** Mints, and writes down at once what revoking it needs. What a broker yields after its time is revoked. */
  async #mint(
    { id, server }: LeaseRow,
    credential: CredentialConfig,
    holder: LeaseHolder | undefined,
  ): Promise<Minted> {
    const signal = this.#deadline(MINT_MS)
    this.#minting.add(id)
    const minting = this.#broker(credential.kind)
      .mint({ lease: id, server, config: credential, holder, signal })
      .finally(() => this.#minting.delete(id))
    const note = (minted: Minted) =>
      this.#note(id, { credential, reference: minted.reference, expiresAt: minted.expiresAt })
    try {
      const minted = await before(signal, minting)
      await note(minted)
      return minted
    } catch (error) {
      if (this.#minting.has(id))
        void minting
          .then(note)
          .catch(() => {})
          .then(() => this.#end(id, true))
          .catch(() => {})
      throw error
    }
  }

  /** Kept in memory until the store has it: a token whose reference is lost cannot be revoked. */
  async #note(id: string, handle: Handle): Promise<void> {
    this.#unwritten.set(id, handle)
    const { expiresAt = null } = handle
    await this.#table.set(id, { reference: this.#sealed(id, handle), upstream_expires_at: expiresAt })
    this.#unwritten.delete(id)
  }

  #sealed(id: string, { credential, reference }: Handle): string {
    return seal(this.#d.kek, `lease:${id}`, 1, JSON.stringify({ credential, reference }))
  }

  /**
   * Asks the store, too: another gateway may have ended the task and this one not know yet. Whoever ends it looks for leases afterwards, so
   * one of the two always sees the other. @throws Refusal when the task ended while its credential was being minted
   */
  async #activate(id: string, task: string): Promise<void> {
    const isActive = await this.#table.activate(id, task)
    const isOver = task !== OWN_TASK && this.#d.holder(task) === undefined
    if (!isActive || isOver) refuse('TASK_CLOSED', { end: 'meanwhile' })
  }

  /**
   * Ends every lease of a task. Safe to repeat.
   * @returns true when each is revoked or has lapsed; false when some are tried again by {@link retryDue}
   */
  async close(task: string): Promise<boolean> {
    const opening: (Lease | Promise<Lease>)[] = []
    for (const [key, lease] of this.#leases) {
      if (!key.startsWith(`${task}\n`)) continue
      this.#leases.delete(key)
      opening.push(lease)
    }
    // What is being minted has no reference yet by which it could be revoked; it ends itself when it has one.
    await Promise.allSettled(opening)
    return await this.#endAll(await this.#table.aliveOf(task))
  }

  /** Tries all of them, then throws the first error. */
  async #endAll(ids: Iterable<string>): Promise<boolean> {
    const ended = await all([...ids].map((id) => this.#end(id, this.#brokenOff.get(id))))
    return ended.every(Boolean)
  }

  /** Another gateway ended the task: what is held here for it is not used any more. */
  forget(task: string): void {
    for (const key of this.#leases.keys()) if (key.startsWith(`${task}\n`)) this.#leases.delete(key)
    this.#known.forgetTask(task)
  }

  /** One attempt to end a lease. @param isOurs its row may say `minting` and nobody mints it any more. @returns whether it is over */
  #end(id: string, isOurs = false): Promise<boolean> {
    const pending = this.#ending.get(id)
    if (pending !== undefined) return pending
    const ending = this.#attempt(id, isOurs)
      .then(
        (isOver) => {
          this.#brokenOff.delete(id)
          return isOver
        },
        (error: unknown) => {
          this.#brokenOff.set(id, isOurs)
          throw error
        },
      )
      .finally(() => this.#ending.delete(id))
    this.#ending.set(id, ending)
    return ending
  }

  async #attempt(id: string, isOurs: boolean): Promise<boolean> {
    const unwritten = this.#unwritten.get(id)
    if (unwritten) await this.#note(id, unwritten)
    const row = await this.#table.get(id)
    if (row.closed_at !== null) {
      this.#known.forget(id)
      return true
    }
    if (this.#minting.has(id)) {
      await this.#failed(row, { why: 'its broker does not answer', lapses: false })
      return false
    }
    const now = this.#d.clock.now()
    // Another gateway is minting it, and sees at the end of that that nobody wants it.
    if (row.state === 'minting' && !isOurs && row.created_at > now - ORPHAN_MS) return false
    await this.#table.set(id, { state: 'revoking' })
    const failure = await this.#tryRevoke(row)
    // Tried also when its time is over: that is only so by this clock.
    const isLapsed = row.upstream_expires_at !== null && row.upstream_expires_at <= now
    if (failure !== undefined && !isLapsed) {
      await this.#failed(row, failure)
      return false
    }
    await this.#over(row, failure === undefined ? 'revoked' : 'lapsed')
    return true
  }

  async #tryRevoke(row: LeaseRow): Promise<Failure | undefined> {
    if (row.broker === 'static') return undefined
    if (row.reference === null) return { why: 'what revoking needs is not written down', lapses: false }
    try {
      const { credential, reference } = JSON.parse(
        unseal(this.#d.kek, `lease:${row.id}`, 1, row.reference).reveal(),
      ) as Pick<Handle, 'credential' | 'reference'>
      const signal = this.#deadline(REVOKE_MS)
      const { id: lease, server } = row
      const broker = this.#broker(credential.kind)
      await before(signal, broker.revoke({ lease, server, config: credential, reference, signal }))
      return undefined
    } catch (error) {
      if (error instanceof CannotRevoke) return { why: 'it cannot be revoked, only lapse', lapses: true }
      if (error instanceof DeadlinePassed) return { why: 'its broker does not answer', lapses: false }
      return { why: error instanceof Refusal ? error.message : 'the broker failed', lapses: false }
    }
  }

  async #over(row: LeaseRow, state: 'revoked' | 'lapsed'): Promise<void> {
    const now = this.#d.clock.now()
    const ended = { state, closed_at: now, reference: null, next_retry_at: null, last_error: null }
    const isFirst = await this.#table.set(row.id, ended)
    this.#known.forget(row.id)
    if (!isFirst) return
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

  async #failed(row: LeaseRow, { why, lapses }: Failure): Promise<void> {
    const attempts = row.attempts + 1
    const now = this.#d.clock.now()
    const wait = Math.min(FIRST_RETRY_MS * 2 ** Math.min(attempts - 1, 20), LONGEST_RETRY_MS)
    // What can only lapse is looked at again when it has; trying in between changes nothing.
    const end = lapses ? row.upstream_expires_at : null
    const failed = { state: 'revoke_failed', attempts, next_retry_at: end ?? now + wait } as const
    // Another gateway may have been luckier.
    const isAlive = await this.#table.set(row.id, { ...failed, last_error: why.slice(0, 300) })
    if (!isAlive || (attempts !== 1 && attempts !== ALARM_AT)) return
    const data = { lease: row.id, server: row.server, attempts, why: why.slice(0, 300) }
    await this.#d.recorder
      .append({ type: 'lease.revoke_failed', actor: { kind: 'gateway' }, task: row.task_id, data })
      .catch(() => {})
    if (attempts === ALARM_AT && end === null)
      this.#d.onAlarm(`the credential ${row.id} for ${row.server} could not be revoked: ${why}`)
  }

  /** Upkeep: tries again what failed and is due, and what an end that broke off, or a process that is no more, left behind. */
  async retryDue(): Promise<void> {
    const now = this.#d.clock.now()
    const due = await this.#table.due(now, now - ORPHAN_MS)
    await this.#endAll(new Set([...this.#brokenOff.keys(), ...due]))
  }

  async isOver(task: string): Promise<boolean> {
    return (await this.#table.aliveOf(task)).length === 0
  }

  /** Leases that may be good beyond their task, or are in use; without what is sealed. */
  list(filter: { task?: string; alive: boolean }): Promise<readonly Omit<LeaseRow, 'reference'>[]> {
    return this.#table.list(filter)
  }

  /** How many credentials may still be good though they ought to be dead. */
  notRevoked(): Promise<number> {
    return this.#table.notRevoked()
  }

  /** After a crash: ends what belongs to tasks that are over, and what the gateway itself had. */
  async recover(): Promise<void> {
    const tasks = await this.#table.unended()
    // A system that is away does not hold up the start for long; what fails is tried again.
    await Promise.all(tasks.map((task) => this.close(task)))
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
      void Promise.resolve(lease)
        .then(({ id }) => {
          this.#known.replaced(id)
          return this.#end(id)
        })
        .catch(() => {})
    }
  }

  /** Secret values that may still be good, for recognising them in content. */
  knownSecrets(): ReadonlyMap<string, string> {
    return this.#known.all()
  }

  #deadline(ms: number): AbortSignal {
    return this.#d.deadline?.(ms) ?? AbortSignal.timeout(ms)
  }

  #broker(kind: CredentialKind): Broker {
    const broker = this.#d.brokers.get(kind)
    if (!broker) throw new Error(`there is no broker for ${kind}`)
    return broker
  }
}
