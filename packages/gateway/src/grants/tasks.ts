import { canonicalize } from '@ostiary/evidence'
import { durationMs } from '../config/schema.ts'
import type { Clock } from '../lib/clock.ts'
import { newId } from '../lib/id.ts'
import type { LogActor, Recorder } from '../model/evidence.ts'
import type { Budget, Grant, GrantDetail } from '../model/grant.ts'
import type { Principal } from '../model/principal.ts'
import { refuse } from '../model/refusal.ts'
import type { Task, TaskEnd } from '../model/task.ts'
import type { Bus } from '../store/bus.ts'
import type { GrantRow, TaskRow } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import type { CompiledGrant } from './compile.ts'
import { compileGrant } from './compile.ts'
import type { Templates } from './templates.ts'
import { detailsOf, mayOpen } from './templates.ts'

export interface OpenInput {
  readonly template: string
  readonly purpose?: string | undefined
  readonly subject?: string | undefined
  readonly on_behalf_of?: string | undefined
}

export interface LiveTask {
  readonly task: Task
  readonly grant: CompiledGrant
}

interface TaskDeps {
  readonly store: Store
  readonly recorder: Recorder
  readonly bus: Bus
  readonly clock: Clock
  templates(): Templates
  /** Ends what the task holds: tokens in memory, leases, open calls, child processes. Awaited before a close is answered. */
  onEnd(task: Task, end: TaskEnd): Promise<void>
}

const FLUSH_MS = 5000

/** Tasks and their grants. Live ones are in memory; every other process learns of an end through the bus. */
export class Tasks {
  readonly #d: TaskDeps
  readonly #live = new Map<string, LiveTask & { lastUsedAt: number; flushedAt: number }>()

  constructor(deps: TaskDeps) {
    this.#d = deps
  }

  /** Brings open tasks into memory after a start. */
  async load(): Promise<void> {
    const rows = await this.#d.store.db.selectFrom('tasks').selectAll().where('state', '=', 'open').execute()
    for (const row of rows) {
      const grant = await this.#d.store.db
        .selectFrom('grants')
        .selectAll()
        .where('task_id', '=', row.id)
        .executeTakeFirst()
      if (grant) this.#keep(taskOf(row), grantOf(grant), row.last_used_at)
    }
  }

  /** @throws Refusal TASK_TEMPLATE_UNKNOWN or TASK_INPUT_INVALID */
  async open(principal: Principal, input: OpenInput): Promise<{ task: Task; grant: Grant }> {
    const templates = this.#d.templates()
    const known = Object.keys(templates).filter((name) =>
      mayOpen(templates[name] as never, principal.agentName),
    )
    const template = known.includes(input.template) ? templates[input.template] : undefined
    const actor: LogActor = { kind: 'agent', agent: principal.agent, instance: principal.instance }
    if (!template) {
      await this.#d.recorder.append({
        type: 'task.refused',
        actor,
        data: { template: input.template.slice(0, 60), code: 'TASK_TEMPLATE_UNKNOWN' },
      })
      return refuse('TASK_TEMPLATE_UNKNOWN', {
        template: input.template.slice(0, 60),
        agent: principal.agentName,
        known: known.join(', ') || 'none',
      })
    }
    const now = this.#d.clock.now()
    const task: Task = {
      id: newId('tsk', now),
      agent: principal.agent,
      instance: principal.instance,
      template: input.template,
      purpose: text(input.purpose ?? template.purpose, 'purpose'),
      onBehalfOf: text(input.on_behalf_of ?? principal.sponsor, 'on_behalf_of'),
      subject: input.subject === undefined ? undefined : text(input.subject, 'subject'),
      state: 'open',
      end: undefined,
      openedAt: now,
      expiresAt: now + durationMs(template.lifetime),
      idleMs: durationMs(template.idle),
    }
    const grant: Grant = {
      id: newId('grt', now),
      task: task.id,
      details: detailsOf(template),
      budget: budgetOf(template.budget),
      expiresAt: task.expiresAt,
    }
    await this.#d.recorder.append({
      type: 'task.opened',
      actor,
      task: task.id,
      grant: grant.id,
      data: {
        template: task.template,
        purpose: task.purpose,
        on_behalf_of: task.onBehalfOf,
        ...(task.subject === undefined ? {} : { subject: task.subject }),
        expires_at: task.expiresAt,
      },
    })
    await this.#d.store.transaction(async (tx) => {
      await tx.insertInto('tasks').values(rowOf(task)).execute()
      await tx.insertInto('grants').values(grantRow(grant)).execute()
    })
    this.#keep(task, grant, now)
    return { task, grant }
  }

  /**
   * Ends a task; a second end changes nothing. When this resolves, its tokens are revoked, its open calls aborted and its leases closed.
   */
  async close(id: string, end: TaskEnd, actor: LogActor): Promise<Task> {
    const task = await this.get(id)
    if (!task) return refuse('TASK_UNKNOWN', { task: id.slice(0, 40) })
    if (task.state === 'closed') return task
    // From here on no call is admitted, even while the log and the store are still being told.
    const live = this.#live.get(id)
    this.#live.delete(id)
    const now = this.#d.clock.now()
    const recorded = await Promise.allSettled([
      this.#d.recorder.append({ type: 'task.closed', actor, task: id, data: { end } }),
    ])
    const won = await this.#d.store.transaction(async (tx) => {
      const result = await tx
        .updateTable('tasks')
        .set({ state: 'closed', end_reason: end, closed_at: now, last_used_at: live?.lastUsedAt ?? now })
        .where('id', '=', id)
        .where('state', '=', 'open')
        .executeTakeFirst()
      await tx
        .updateTable('tokens')
        .set({ revoked_at: now })
        .where('task_id', '=', id)
        .where('revoked_at', 'is', null)
        .execute()
      return result.numUpdatedRows === 1n
    })
    await this.#d.bus.publish({ topic: 'task', id })
    const closed: Task = { ...task, state: 'closed', end }
    if (won) await this.#d.onEnd(closed, end)
    // Ending is the safe side, so it happened even though the log could not take it; the caller still hears of it.
    if (recorded[0].status === 'rejected') throw recorded[0].reason
    return (await this.get(id)) ?? closed
  }

  /** Ends every open task of an agent or instance. */
  async closeWhere(matches: (task: Task) => boolean, end: TaskEnd, actor: LogActor): Promise<void> {
    const open = await this.list({ open: true })
    await Promise.all(open.filter(matches).map((task) => this.close(task.id, end, actor)))
  }

  async get(id: string): Promise<Task | undefined> {
    const row = await this.#d.store.db.selectFrom('tasks').selectAll().where('id', '=', id).executeTakeFirst()
    return row && taskOf(row)
  }

  async list(filter: { open: boolean }): Promise<readonly Task[]> {
    let query = this.#d.store.db.selectFrom('tasks').selectAll().orderBy('opened_at', 'desc').limit(1000)
    if (filter.open) query = query.where('state', '=', 'open')
    return (await query.execute()).map(taskOf)
  }

  /** From memory, so that it can be asked where nothing may wait. A task past its deadline or idle time is not live. */
  live(id: string): LiveTask | undefined {
    const live = this.#live.get(id)
    return live && endOf(live, this.#d.clock.now()) === undefined ? live : undefined
  }

  touch(id: string): void {
    const live = this.#live.get(id)
    if (live) live.lastUsedAt = this.#d.clock.now()
  }

  /** Closes what is past its deadline or was idle too long, and writes back when tasks were last used. */
  async expireDue(): Promise<void> {
    const now = this.#d.clock.now()
    for (const [id, live] of this.#live) {
      const end = endOf(live, now)
      if (end) await this.close(id, end, { kind: 'gateway' })
      else if (live.lastUsedAt > live.flushedAt && now - live.flushedAt >= FLUSH_MS) {
        live.flushedAt = now
        await this.#d.store.db
          .updateTable('tasks')
          .set({ last_used_at: live.lastUsedAt })
          .where('id', '=', id)
          .execute()
      }
    }
  }

  #keep(task: Task, grant: Grant, lastUsedAt: number): void {
    this.#live.set(task.id, { task, grant: compileGrant(grant), lastUsedAt, flushedAt: lastUsedAt })
  }
}

function endOf(live: { task: Task; lastUsedAt: number }, now: number): TaskEnd | undefined {
  if (now >= live.task.expiresAt) return 'expired'
  return now - live.lastUsedAt >= live.task.idleMs ? 'idle' : undefined
}

function text(value: string, name: string): string {
  if (value.length === 0 || value.length > 200 || /\p{Cc}/u.test(value)) {
    refuse('TASK_INPUT_INVALID', { detail: `\`${name}\` must be one line of 1 to 200 characters` })
  }
  return value
}

const budgetOf = (budget: { calls?: number | undefined; bytes?: number | undefined }): Budget => ({
  ...(budget.calls === undefined ? {} : { calls: budget.calls }),
  ...(budget.bytes === undefined ? {} : { bytes: budget.bytes }),
})

const taskOf = (row: TaskRow): Task => ({
  id: row.id,
  agent: row.agent_id,
  instance: row.instance_id,
  template: row.template,
  purpose: row.purpose,
  onBehalfOf: row.on_behalf_of,
  subject: row.subject ?? undefined,
  state: row.state,
  end: (row.end_reason as TaskEnd | null) ?? undefined,
  openedAt: row.opened_at,
  expiresAt: row.expires_at,
  idleMs: row.idle_ms,
})

const rowOf = (task: Task): TaskRow => ({
  id: task.id,
  agent_id: task.agent,
  instance_id: task.instance,
  template: task.template,
  purpose: task.purpose,
  on_behalf_of: task.onBehalfOf,
  subject: task.subject ?? null,
  state: 'open',
  end_reason: null,
  opened_at: task.openedAt,
  expires_at: task.expiresAt,
  idle_ms: task.idleMs,
  last_used_at: task.openedAt,
  closed_at: null,
})

const grantOf = (row: GrantRow): Grant => ({
  id: row.id,
  task: row.task_id,
  details: JSON.parse(row.details) as GrantDetail[],
  budget: JSON.parse(row.budget) as Budget,
  expiresAt: row.expires_at,
})

const grantRow = (grant: Grant): GrantRow => ({
  id: grant.id,
  task_id: grant.task,
  details: canonicalize(grant.details),
  budget: canonicalize(grant.budget),
  spent_calls: 0,
  spent_bytes: 0,
  expires_at: grant.expiresAt,
})
