import type { ServerConfig } from '../config/schema.ts'
import type { Clock } from '../lib/clock.ts'
import { newId } from '../lib/id.ts'
import type { Recorder } from '../model/evidence.ts'
import { refuse } from '../model/refusal.ts'
import type { Store } from '../store/store.ts'
import type { Broker, Injection, Minted } from './broker.ts'

interface Lease extends Minted {
  readonly id: string
  readonly task: string
  readonly server: string
}

interface LeaseDeps {
  readonly store: Store
  readonly recorder: Recorder
  readonly clock: Clock
  readonly broker: Broker
  serverConfig(server: string): ServerConfig | undefined
  /** A lease was opened; its secrets are known now. The first injection waits for this. */
  onOpened(): Promise<void>
}

const MIN_LEAK = 8

/** Upstream credentials by task: opened on first use, closed with the task. */
export class Leases {
  readonly #d: LeaseDeps
  readonly #leases = new Map<string, Lease | Promise<Lease>>()

  constructor(deps: LeaseDeps) {
    this.#d = deps
  }

  /** What to inject for this task. Synchronous once the lease is open. @throws Refusal CREDENTIAL_UNAVAILABLE */
  injectionFor(server: string, task: string): Injection | Promise<Injection> {
    const key = `${task}\n${server}`
    const held = this.#leases.get(key)
    if (held && !(held instanceof Promise)) return held.injection
    if (held !== undefined) return held.then((lease) => lease.injection)
    const opening = this.#open(server, task)
    this.#leases.set(key, opening)
    return opening.then(
      async (lease) => {
        if (this.#leases.get(key) === opening) this.#leases.set(key, lease)
        await this.#d.onOpened()
        return lease.injection
      },
      (error: unknown) => {
        this.#leases.delete(key)
        throw error
      },
    )
  }

  /** The row is written before anything is minted, so that a crash leaves a trace of what may have to be revoked. */
  async #open(server: string, task: string): Promise<Lease> {
    const config = this.#d.serverConfig(server)
    if (!config) return refuse('SERVER_UNKNOWN', { server })
    const id = newId('lse')
    const now = this.#d.clock.now()
    await this.#d.store.db
      .insertInto('leases')
      .values({
        id,
        task_id: task,
        server,
        broker: this.#d.broker.name,
        state: 'minting',
        upstream_expires_at: null,
        created_at: now,
        closed_at: null,
      })
      .execute()
    try {
      const minted = await this.#d.broker.mint(server, config)
      await this.#d.recorder.append({
        type: 'lease.opened',
        actor: { kind: 'gateway' },
        task,
        data: { lease: id, server },
      })
      await this.#state(id, 'active')
      return { ...minted, id, task, server }
    } catch (error) {
      await this.#state(id, 'lapsed')
      throw error
    }
  }

  /** Revokes every lease of a task. Safe to repeat. */
  async close(task: string): Promise<void> {
    for (const [key] of this.#leases) if (key.startsWith(`${task}\n`)) this.#leases.delete(key)
    const rows = await this.#d.store.db
      .selectFrom('leases')
      .select(['id', 'server'])
      .where('task_id', '=', task)
      .where('state', 'in', ['minting', 'active', 'revoking', 'revoke_failed'])
      .execute()
    for (const { id, server } of rows) {
      await this.#state(id, 'revoking')
      try {
        await this.#d.broker.revoke(id)
        await this.#state(id, 'revoked')
        await this.#d.recorder.append({
          type: 'lease.closed',
          actor: { kind: 'gateway' },
          task,
          data: { lease: id, server },
        })
      } catch (error) {
        await this.#state(id, 'revoke_failed')
        throw error
      }
    }
  }

  /** After a crash: closes what belongs to tasks that are over. */
  async recover(): Promise<void> {
    const rows = await this.#d.store.db
      .selectFrom('leases')
      .leftJoin('tasks', 'tasks.id', 'leases.task_id')
      .select(['leases.task_id'])
      .distinct()
      .where('leases.state', 'in', ['minting', 'active', 'revoking', 'revoke_failed'])
      .where((on) => on.or([on('tasks.state', 'is', null), on('tasks.state', '=', 'closed')]))
      .execute()
    for (const { task_id } of rows) await this.close(task_id)
  }

  /** Forgets what was read for a server whose configuration changed; open leases are read again on their next use. */
  refresh(server: string): void {
    for (const [key] of this.#leases) if (key.endsWith(`\n${server}`)) this.#leases.delete(key)
  }

  /** Secret values in use, for recognising them in content. Short ones would match by chance. */
  knownSecrets(): ReadonlyMap<string, string> {
    const known = new Map<string, string>()
    for (const lease of this.#leases.values()) {
      if (lease instanceof Promise) continue
      for (const [name, value] of lease.secrets) if (value.length >= MIN_LEAK) known.set(name, value)
    }
    return known
  }

  async #state(
    id: string,
    state: 'active' | 'revoking' | 'revoked' | 'revoke_failed' | 'lapsed',
  ): Promise<void> {
    const over = state === 'revoked' || state === 'lapsed'
    await this.#d.store.db
      .updateTable('leases')
      .set({ state, ...(over ? { closed_at: this.#d.clock.now() } : {}) })
      .where('id', '=', id)
      .execute()
  }
}
