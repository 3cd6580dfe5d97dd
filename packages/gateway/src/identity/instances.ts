import type { Clock } from '../lib/clock.ts'
import { newId } from '../lib/id.ts'
import type { LogActor, Recorder } from '../model/evidence.ts'
import type { JsonObject } from '../model/json.ts'
import type { Principal } from '../model/principal.ts'
import { refuse } from '../model/refusal.ts'
import type { Bus } from '../store/bus.ts'
import type { AgentRow, InstanceKeyRow, InstanceRow } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { UniqueViolation } from '../store/store.ts'
import type { PublicJwk } from './jws.ts'
import { readJwk } from './jws.ts'

/** How long the old key of an instance stays good after a rotation. */
export const OVERLAP_MS = 5 * 60_000
const DAY_MS = 24 * 60 * 60_000
/** Keys that may retire at the same time. */
const MAX_ROTATIONS = 5

/** A key an instance may sign with; `notAfter` is the end of its overlap once another has replaced it. */
export interface InstanceKey extends PublicJwk {
  readonly notAfter: number | undefined
  /** `due`: the key in force, but it ends at {@link notAfter} unless it names its successor before. */
  readonly state: InstanceKeyRow['state']
}

/** An instance as the store has it; whether it may act is {@link assertActive}'s to say, once it has proved who it is. */
export interface KnownInstance {
  readonly id: string
  readonly agent: string
  readonly agentName: string
  readonly agentStatus: AgentRow['status']
  readonly sponsor: string
  /** How it came in, and what was vouched for. */
  readonly method: string
  readonly attested: JsonObject
  /** A workload is let in for no longer than its issuer says; undefined for one that an operator enrolled. */
  readonly vouchedUntil: number | undefined
  /** Its tokens may be bound to no key. */
  readonly bearer: boolean
  readonly status: InstanceRow['status']
  /** `x5t:` thumbprints of certificates it may connect with. */
  readonly certificates: readonly string[]
  /** What a token of it is stored under when it is bound to no key. */
  readonly bearerKey: string
  readonly keys: readonly InstanceKey[]
}

/** A key to register: a public JWK, or only a name where there is none (`x5t:…` of a certificate, `bearer:…`). */
export type NewKey = Pick<PublicJwk, 'jkt' | 'jwk'>

/** How an instance came in, and who vouched for it. */
export interface Arrival {
  /** What it says of its machine; a hint for people. */
  readonly host: string
  /** `one-time code`, `delegation`, `oidc:<trust>`, `spiffe:<trust>`, `x509:<trust>` or `sign-in`. */
  readonly method: string
  readonly attested: JsonObject
  /** It ends with this task. */
  readonly parentTask?: string
  /** Who vouched for it did so until then, epoch milliseconds; after that it has to come with something fresh. */
  readonly vouchedUntil?: number
}

/** @throws Refusal INSTANCE_REVOKED, AGENT_SUSPENDED or AGENT_REVOKED */
export function assertActive({ status, agentStatus, agentName }: KnownInstance): void {
  if (agentStatus === 'revoked') refuse('AGENT_REVOKED', { agent: agentName })
  if (agentStatus === 'suspended') refuse('AGENT_SUSPENDED', { agent: agentName })
  if (status !== 'active') refuse('INSTANCE_REVOKED')
}

/** Running copies of agents, each with its own key, of which only the public half ever came here. */
export class Instances {
  readonly #d: {
    store: Store
    recorder: Recorder
    bus: Bus
    clock: Clock
    onRevoked(instance: string): Promise<void>
  }

  /** `onRevoked` ends what the instance holds before the revocation is answered. */
  constructor(deps: {
    store: Store
    recorder: Recorder
    bus: Bus
    clock: Clock
    onRevoked(instance: string): Promise<void>
  }) {
    this.#d = deps
  }

  /** @throws Refusal KEY_IN_USE when the key belongs to an instance already */
  async enrol(agentId: string, key: NewKey, how: Arrival): Promise<InstanceRow> {
    await this.#assertNew(key)
    const now = this.#d.clock.now()
    const instance: InstanceRow = {
      id: newId('ins'),
      agent_id: agentId,
      // A hint for people, from a stranger: nothing that could rearrange what they read.
      host: how.host.slice(0, 200).replace(/[^\x20-\x7e]/g, '?'),
      status: 'active',
      enrolled_at: now,
      last_seen_at: now,
      method: how.method,
      attested: JSON.stringify(how.attested),
      parent_task: how.parentTask ?? null,
      vouched_until: how.vouchedUntil ?? null,
    }
    await this.#d.recorder.append({
      type: 'instance.enrolled',
      actor: { kind: 'agent', agent: agentId, instance: instance.id },
      data: { jkt: key.jkt, host: instance.host, by: how.method, attested: how.attested },
    })
    await this.#insert(async (tx) => {
      await tx.insertInto('instances').values(instance).execute()
      await tx.insertInto('instance_keys').values(this.#keyRow(instance.id, key)).execute()
    })
    return instance
  }

  async list(
    agentId: string,
  ): Promise<readonly (InstanceRow & { keys: readonly Pick<InstanceKeyRow, 'jkt' | 'state'>[] })[]> {
    const { db } = this.#d.store
    const rows = await db
      .selectFrom('instances')
      .selectAll()
      .where('agent_id', '=', agentId)
      .orderBy('id')
      .execute()
    const keys = await db
      .selectFrom('instance_keys')
      .innerJoin('instances', 'instances.id', 'instance_keys.instance_id')
      .select(['instance_id', 'jkt', 'state'])
      .where('agent_id', '=', agentId)
      .execute()
    return rows.map((row) => ({
      ...row,
      keys: keys.filter((key) => key.instance_id === row.id).map(({ jkt, state }) => ({ jkt, state })),
    }))
  }

  /** An instance of any status, with the keys that are good now; those of a revoked one count, so that it can learn why. */
  async find(id: string): Promise<KnownInstance | undefined> {
    const { db } = this.#d.store
    const row = await db
      .selectFrom('instances')
      .innerJoin('agents', 'agents.id', 'instances.agent_id')
      .select([
        'instances.id',
        'agent_id',
        'instances.status',
        'name',
        'sponsor',
        'bearer',
        'method',
        'attested',
        'vouched_until',
        'agents.status as agent_status',
      ])
      .where('instances.id', '=', id.slice(0, 40))
      .executeTakeFirst()
    if (!row) return undefined
    const now = this.#d.clock.now()
    const keys = await db
      .selectFrom('instance_keys')
      .select(['jkt', 'jwk', 'state', 'not_after'])
      .where('instance_id', '=', row.id)
      .where((e) => e.or([e('not_after', 'is', null), e('not_after', '>', now)]))
      .execute()
    return {
      id: row.id,
      agent: row.agent_id,
      agentName: row.name,
      agentStatus: row.agent_status,
      sponsor: row.sponsor,
      method: row.method,
      attested: JSON.parse(row.attested) as JsonObject,
      vouchedUntil: row.vouched_until ?? undefined,
      bearer: row.bearer === 1,
      status: row.status,
      bearerKey:
        (keys.find(({ jkt }) => jkt.startsWith('bearer:')) ?? keys.find(({ state }) => state === 'active'))
          ?.jkt ?? '',
      certificates: keys.flatMap(({ jkt }) => (jkt.startsWith('x5t:') ? [jkt] : [])),
      keys: keys
        .filter(({ jwk }) => jwk !== '')
        .map((key) => ({
          ...readJwk(JSON.parse(key.jwk)),
          state: key.state,
          notAfter: key.not_after ?? undefined,
        })),
    }
  }

  /** The instance a key or certificate belongs to, of any status. */
  async byKey(jkt: string): Promise<KnownInstance | undefined> {
    const row = await this.#d.store.db
      .selectFrom('instance_keys')
      .select('instance_id')
      .where('jkt', '=', jkt.slice(0, 100))
      .executeTakeFirst()
    return row && (await this.find(row.instance_id))
  }

  /**
   * A workload's token belongs to the first key it comes with, of racing ones too, so one that leaks lets nobody else in.
   * @returns false when it is another key's
   */
  async claim(voucher: { hash: string; jkt: string; expiresAt: number }): Promise<boolean> {
    const { hash, jkt, expiresAt } = voucher
    const { db } = this.#d.store
    const { numInsertedOrUpdatedRows } = await db
      .insertInto('vouchers')
      .values({ hash, jkt, expires_at: expiresAt })
      .onConflict((conflict) => conflict.column('hash').doNothing())
      .executeTakeFirstOrThrow()
    if (numInsertedOrUpdatedRows === 1n) return true
    const first = await db.selectFrom('vouchers').select('jkt').where('hash', '=', hash).executeTakeFirst()
    return first?.jkt === jkt
  }

  /** Somebody vouches for the instance again, until then. */
  async vouch(id: string, until: number): Promise<void> {
    await this.#d.store.db
      .updateTable('instances')
      .set({ vouched_until: until })
      .where('id', '=', id)
      .where('vouched_until', '<', until)
      .execute()
  }

  /** Forgets tokens of workloads that nobody takes any more. */
  async sweep(): Promise<void> {
    const before = this.#d.clock.now() - DAY_MS
    await this.#d.store.db.deleteFrom('vouchers').where('expires_at', '<', before).execute()
  }

  /** The instance ends with this task. */
  async endWith(id: string, task: string): Promise<void> {
    await this.#d.store.db.updateTable('instances').set({ parent_task: task }).where('id', '=', id).execute()
  }

  /** Sub-agents' instances that were made for a task end with it. */
  async endMadeFor(task: string): Promise<void> {
    const rows = await this.#d.store.db
      .selectFrom('instances')
      .select('id')
      .where('parent_task', '=', task)
      .where('status', '=', 'active')
      .execute()
    await Promise.all(rows.map(({ id }) => this.revoke(id, { kind: 'gateway' })))
  }

  /**
   * The new key is good at once, the one it replaces for {@link OVERLAP_MS} more, and tokens bound to that one no longer either.
   * Only the key in force may name its successor: one that is retiring may be in other hands, which is why keys are rotated.
   * @throws Refusal KEY_IN_USE, PROOF_KEY_MISMATCH, INSTANCE_REVOKED or TOO_MANY
   */
  async rotate(principal: Principal, key: PublicJwk): Promise<{ jkt: string; retiring_until: number }> {
    await this.#assertNew(key)
    const now = this.#d.clock.now()
    const until = now + OVERLAP_MS
    const { instance } = principal
    const known = await this.find(instance)
    if (!known) return refuse('INSTANCE_REVOKED')
    assertActive(known)
    if (known.keys.length > MAX_ROTATIONS)
      refuse('TOO_MANY', { what: 'key rotations', seconds: OVERLAP_MS / 1000 })
    if (known.keys.find((own) => own.state === 'active' || own.state === 'due')?.jkt !== principal.jkt)
      refuse('PROOF_KEY_MISMATCH')
    await this.#d.recorder.append({
      type: 'key.rotated',
      actor: { kind: 'agent', agent: principal.agent, instance },
      data: { jkt: key.jkt, replaces: principal.jkt, overlap_until: until },
    })
    await this.#insert(async (tx) => {
      const retired = await tx
        .updateTable('instance_keys')
        .set({ state: 'retiring', not_after: until })
        .where('jkt', '=', principal.jkt)
        .where('instance_id', '=', instance)
        .where('state', 'in', ['active', 'due'])
        .executeTakeFirst()
      // Of two rotations by one key, and of a rotation and a revocation, one wins.
      if (retired.numUpdatedRows !== 1n) refuse('PROOF_KEY_MISMATCH')
      await tx.insertInto('instance_keys').values(this.#keyRow(instance, key)).execute()
      await tx
        .updateTable('tokens')
        .set({ expires_at: until })
        .where('instance_id', '=', instance)
        .where('jkt', '=', principal.jkt)
        .where('expires_at', '>', until)
        .execute()
    })
    await this.#d.bus.publish({ topic: 'instance', id: instance })
    return { jkt: key.jkt, retiring_until: until }
  }

  /**
   * The instance must take a new key before `until`; until then the present one is good. Its tokens end with it.
   * @throws Refusal INSTANCE_UNKNOWN, INSTANCE_REVOKED, AGENT_*, or REQUEST_MALFORMED where there is no key to replace
   */
  async requireRotation(id: string, until: number, by: LogActor): Promise<void> {
    const known = await this.find(id)
    if (!known) return refuse('INSTANCE_UNKNOWN', { instance: id.slice(0, 40) })
    assertActive(known)
    const inForce = known.keys.filter(({ state }) => state === 'active' || state === 'due')
    // A certificate is renewed by its issuer, and a bearer has no key: to stop one of these, revoke it.
    if (inForce.length === 0)
      return refuse('REQUEST_MALFORMED', { detail: 'the instance has no key that it could replace' })
    // One that is due later is due now; one that is due sooner stays so.
    const jkts = inForce.filter(({ notAfter = Infinity }) => notAfter > until).map(({ jkt }) => jkt)
    if (jkts.length === 0) return
    await this.#d.recorder.append({
      type: 'key.due',
      actor: by,
      data: { agent: known.agent, instance: known.id, jkt: jkts[0] as string, until },
    })
    await this.#d.store.transaction(async (tx) => {
      await tx
        .updateTable('instance_keys')
        .set({ state: 'due', not_after: until })
        .where('jkt', 'in', jkts)
        .where('state', 'in', ['active', 'due'])
        .execute()
      await tx
        .updateTable('tokens')
        .set({ expires_at: until })
        .where('jkt', 'in', jkts)
        .where('expires_at', '>', until)
        .execute()
    })
    await this.#d.bus.publish({ topic: 'instance', id: known.id })
  }

  /** Upkeep: keys older than `lifetimeMs` are due, with a day to replace each. */
  async requireScheduledRotations(lifetimeMs: number): Promise<void> {
    const now = this.#d.clock.now()
    const rows = await this.#d.store.db
      .selectFrom('instance_keys')
      .innerJoin('instances', 'instances.id', 'instance_keys.instance_id')
      .innerJoin('agents', 'agents.id', 'instances.agent_id')
      .select('instance_id')
      .distinct()
      .where('state', '=', 'active')
      .where('jwk', '!=', '')
      .where('instances.status', '=', 'active')
      .where('agents.status', '=', 'active')
      .where('instance_keys.created_at', '<=', now - lifetimeMs)
      .execute()
    for (const { instance_id } of rows)
      await this.requireRotation(instance_id, now + DAY_MS, { kind: 'gateway' })
  }

  /**
   * An instance that was made for one task, by who handed it on or by the person who signed in, opens no other: else whoever may hand a
   * task to an agent would have everything that agent may do. @throws Refusal INSTANCE_CONFINED
   */
  async mayOpen(id: string): Promise<void> {
    const row = await this.#d.store.db
      .selectFrom('instances')
      .select(['method', 'parent_task'])
      .where('id', '=', id)
      .executeTakeFirst()
    if (row?.parent_task !== null || row.method === 'sign-in') refuse('INSTANCE_CONFINED')
  }

  /** Final. @throws Refusal INSTANCE_UNKNOWN */
  async revoke(id: string, by: LogActor): Promise<InstanceRow> {
    const row = await this.#d.store.db
      .selectFrom('instances')
      .selectAll()
      .where('id', '=', id.slice(0, 40))
      .executeTakeFirst()
    if (!row) return refuse('INSTANCE_UNKNOWN', { instance: id.slice(0, 40) })
    await this.#d.recorder.append({
      type: 'instance.revoked',
      actor: by,
      data: { agent: row.agent_id, instance: row.id },
    })
    await this.#d.store.transaction(async (tx) => {
      await tx.updateTable('instances').set({ status: 'revoked' }).where('id', '=', row.id).execute()
      await tx
        .updateTable('instance_keys')
        .set({ state: 'revoked' })
        .where('instance_id', '=', row.id)
        .execute()
    })
    await this.#d.onRevoked(row.id)
    await this.#d.bus.publish({ topic: 'instance', id: row.id })
    return { ...row, status: 'revoked' }
  }

  #keyRow(instanceId: string, key: NewKey): InstanceKeyRow {
    return {
      jkt: key.jkt,
      instance_id: instanceId,
      jwk: key.jwk,
      state: 'active',
      not_after: null,
      created_at: this.#d.clock.now(),
    }
  }

  /** Before anything is recorded, so that the log does not tell of what was refused; {@link #insert} decides races. */
  async #assertNew(key: NewKey): Promise<void> {
    const taken = await this.#d.store.db
      .selectFrom('instance_keys')
      .select('jkt')
      .where('jkt', '=', key.jkt)
      .executeTakeFirst()
    if (taken) refuse('KEY_IN_USE')
  }

  /** A key belongs to one instance for ever: two that share one could not be told apart. */
  async #insert(work: Parameters<Store['transaction']>[0]): Promise<void> {
    try {
      await this.#d.store.transaction(work)
    } catch (error) {
      if (error instanceof UniqueViolation) refuse('KEY_IN_USE')
      throw error
    }
  }
}
