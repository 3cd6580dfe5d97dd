import type { Clock } from '../lib/clock.ts'
import { newId } from '../lib/id.ts'
import type { LogActor, Recorder } from '../model/evidence.ts'
import type { Principal } from '../model/principal.ts'
import { refuse } from '../model/refusal.ts'
import type { Bus } from '../store/bus.ts'
import type { InstanceKeyRow, InstanceRow } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { UniqueViolation } from '../store/store.ts'
import type { PublicJwk } from './jws.ts'
import { readJwk } from './jws.ts'

/** How long the old key of an instance stays good after a rotation. */
export const OVERLAP_MS = 5 * 60_000

/** An instance that may act now, with the keys it may sign with. */
export interface ActiveInstance {
  readonly instance: InstanceRow
  readonly agentName: string
  readonly sponsor: string
  readonly keys: readonly PublicJwk[]
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
  async enrol(agentId: string, key: PublicJwk, host: string): Promise<InstanceRow> {
    const now = this.#d.clock.now()
    const instance: InstanceRow = {
      id: newId('ins'),
      agent_id: agentId,
      host: host.slice(0, 200),
      status: 'active',
      enrolled_at: now,
      last_seen_at: now,
    }
    await this.#d.recorder.append({
      type: 'instance.enrolled',
      actor: { kind: 'agent', agent: agentId, instance: instance.id },
      data: { jkt: key.jkt, host: instance.host, by: 'one-time code' },
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
    const keys = await db.selectFrom('instance_keys').select(['instance_id', 'jkt', 'state']).execute()
    return rows.map((row) => ({
      ...row,
      keys: keys.filter((key) => key.instance_id === row.id).map(({ jkt, state }) => ({ jkt, state })),
    }))
  }

  /** @throws Refusal INSTANCE_REVOKED, AGENT_SUSPENDED or AGENT_REVOKED */
  async active(id: string): Promise<ActiveInstance> {
    const { db } = this.#d.store
    const row = await db
      .selectFrom('instances')
      .innerJoin('agents', 'agents.id', 'instances.agent_id')
      .selectAll('instances')
      .select(['agents.name', 'agents.sponsor', 'agents.status as agent_status'])
      .where('instances.id', '=', id.slice(0, 40))
      .executeTakeFirst()
    if (row?.status !== 'active') return refuse('INSTANCE_REVOKED')
    if (row.agent_status === 'suspended') return refuse('AGENT_SUSPENDED', { agent: row.name })
    if (row.agent_status === 'revoked') return refuse('AGENT_REVOKED', { agent: row.name })
    const keys = await db.selectFrom('instance_keys').selectAll().where('instance_id', '=', row.id).execute()
    const now = this.#d.clock.now()
    const good = keys.filter(
      (key) => key.state === 'active' || (key.state === 'retiring' && (key.not_after ?? 0) > now),
    )
    return {
      instance: row,
      agentName: row.name,
      sponsor: row.sponsor,
      keys: good.map((key) => readJwk(JSON.parse(key.jwk))),
    }
  }

  /** The new key is good at once, the old ones for {@link OVERLAP_MS} more. */
  async rotate(principal: Principal, key: PublicJwk): Promise<{ jkt: string; retiring_until: number }> {
    const until = this.#d.clock.now() + OVERLAP_MS
    await this.#d.recorder.append({
      type: 'key.rotated',
      actor: { kind: 'agent', agent: principal.agent, instance: principal.instance },
      data: { jkt: key.jkt, replaces: principal.jkt, overlap_until: until },
    })
    await this.#insert(async (tx) => {
      await tx
        .updateTable('instance_keys')
        .set({ state: 'retiring', not_after: until })
        .where('instance_id', '=', principal.instance)
        .where('state', '=', 'active')
        .execute()
      await tx.insertInto('instance_keys').values(this.#keyRow(principal.instance, key)).execute()
    })
    await this.#d.bus.publish({ topic: 'instance', id: principal.instance })
    return { jkt: key.jkt, retiring_until: until }
  }

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

  #keyRow(instanceId: string, key: PublicJwk): InstanceKeyRow {
    return {
      jkt: key.jkt,
      instance_id: instanceId,
      jwk: key.jwk,
      state: 'active',
      not_after: null,
      created_at: this.#d.clock.now(),
    }
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
