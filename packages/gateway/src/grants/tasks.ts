import type { TaskTemplate } from '../config/schema.ts'
import { durationMs } from '../config/schema.ts'
import type { Clock } from '../lib/clock.ts'
import { newId } from '../lib/id.ts'
import type { LogActor, LogEvent, Recorder } from '../model/evidence.ts'
import type { Grant } from '../model/grant.ts'
import type { Principal } from '../model/principal.ts'
import { refuse } from '../model/refusal.ts'
import type { Task, TaskEnd } from '../model/task.ts'
import type { Bus } from '../store/bus.ts'
import type { Store } from '../store/store.ts'
import type { CompiledGrant } from './compile.ts'
import { compileGrant } from './compile.ts'
import { grantOf, grantRow, rowOf, taskOf } from './task-rows.ts'
import type { Templates } from './templates.ts'
import { detailsOf, openableBy } from './templates.ts'

/** Who opens a task: verified, never taken from the request. */
export type Opener = Pick<Principal, 'agent' | 'agentName' | 'instance' | 'sponsor'>

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
/** More open tasks than this for one instance are a leak or an attack on memory. */
const MAX_OPEN = 1000

/** Tasks and their grants. Live ones are in memory; every other process learns of an end through the bus. */
export class Tasks {
  readonly #d: TaskDeps
  readonly #live = new Map<string, LiveTask & { lastUsedAt: number; flushedAt: number }>()
  /** Ends under way, so that a second caller waits for the same one. */
  readonly #closing = new Map<string, Promise<Task>>()
  /** Ends that the store did not take yet. They are admitted no more and closed again by {@link expireDue}. */
  readonly #unfinished = new Map<string, { end: TaskEnd; actor: LogActor }>()
  /** Ends that the log did not take yet. */
  readonly #unrecorded: LogEvent[] = []
  readonly #unsubscribe: () => void

  constructor(deps: TaskDeps) {
    this.#d = deps
    this.#unsubscribe = deps.bus.subscribe(
      ({ topic, id }) => {
        if (topic === 'task' && this.#live.has(id)) return this.#recheck(id)
      },
      async () => {
        await Promise.all([...this.#live.keys()].map((id) => this.#recheck(id)))
      },
    )
  }

  [Symbol.dispose](): void {
    this.#unsubscribe()
  }

  /** Brings open tasks into memory after a start. */
  async load(): Promise<void> {
    const { db } = this.#d.store
    const tasks = await db.selectFrom('tasks').selectAll().where('state', '=', 'open').execute()
    const grants = await db
      .selectFrom('grants')
      .innerJoin('tasks', 'tasks.id', 'grants.task_id')
      .selectAll('grants')
      .where('tasks.state', '=', 'open')
      .execute()
    const byTask = new Map(grants.map((row) => [row.task_id, row]))
    for (const row of tasks) {
      const grant = byTask.get(row.id)
      if (grant) this.#keep(taskOf(row), grantOf(grant), row.last_used_at)
    }
  }

  /** @throws Refusal TASK_TEMPLATE_UNKNOWN or TASK_INPUT_INVALID */
  async open(opener: Opener, input: OpenInput): Promise<{ task: Task; grant: Grant }> {
    const template = await this.#template(opener, input.template)
    this.#assertRoom(opener.instance)
    const now = this.#d.clock.now()
    const task: Task = {
      id: newId('tsk', now),
      agent: opener.agent,
      instance: opener.instance,
      template: input.template,
      purpose: line(input.purpose ?? template.purpose, 'purpose'),
      onBehalfOf: line(input.on_behalf_of ?? opener.sponsor, 'on_behalf_of'),
      subject: input.subject === undefined ? undefined : line(input.subject, 'subject'),
      state: 'open',
      end: undefined,
      openedAt: now,
      expiresAt: now + durationMs(template.lifetime),
      idleMs: durationMs(template.idle),
    }
    const { calls, bytes } = template.budget
    const grant: Grant = {
      id: newId('grt', now),
      task: task.id,
      details: detailsOf(template),
      budget: { ...(calls === undefined ? {} : { calls }), ...(bytes === undefined ? {} : { bytes }) },
      expiresAt: task.expiresAt,
    }
    await this.#d.recorder.append({
      type: 'task.opened',
      actor: actorOf(opener),
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
   * @throws Refusal TASK_UNKNOWN; AuditUnavailable when it ended but the log could not take it yet
   */
  close(id: string, end: TaskEnd, actor: LogActor): Promise<Task> {
    const pending = this.#closing.get(id)
    if (pending !== undefined) return pending
    const closing = this.#close(id, end, actor).finally(() => this.#closing.delete(id))
    this.#closing.set(id, closing)
    return closing
  }

  async #close(id: string, end: TaskEnd, actor: LogActor): Promise<Task> {
    const live = this.#live.get(id)
    // From here on no call is admitted, even while the log and the store are still being told.
    this.#live.delete(id)
    if (live) this.#unfinished.set(id, { end, actor })
    const task = await this.get(id)
    if (!task) return refuse('TASK_UNKNOWN', { task: id.slice(0, 40) })
    if (task.state === 'closed') {
      this.#unfinished.delete(id)
      return task
    }
    this.#unfinished.set(id, { end, actor })
    const event: LogEvent = { type: 'task.closed', actor, task: id, data: { end } }
    const [recorded] = await Promise.allSettled([this.#d.recorder.append(event)])
    // Ending is the safe side, so it happens even when the log cannot take it; the entry follows when it can.
    if (recorded.status === 'rejected') this.#unrecorded.push(event)
    const won = await this.#closeRow(id, end, live?.lastUsedAt)
    this.#unfinished.delete(id)
    const closed: Task = { ...task, state: 'closed', end }
    // Neither waits for the other: what is open here ends also when nobody else can be told.
    await all([
      this.#d.bus.publish({ topic: 'task', id }),
      won ? this.#d.onEnd(closed, end) : Promise.resolve(),
    ])
    if (recorded.status === 'rejected') throw recorded.reason
    return won ? closed : ((await this.get(id)) ?? closed)
  }

  /** Compare-and-set, with the task's tokens in the same transaction. @returns whether this was the end that counts */
  #closeRow(id: string, end: TaskEnd, lastUsedAt: number | undefined): Promise<boolean> {
    const now = this.#d.clock.now()
    return this.#d.store.transaction(async (tx) => {
      const { numUpdatedRows } = await tx
        .updateTable('tasks')
        .set({
          state: 'closed',
          end_reason: end,
          closed_at: now,
          ...(lastUsedAt === undefined ? {} : { last_used_at: lastUsedAt }),
        })
        .where('id', '=', id)
        .where('state', '=', 'open')
        .executeTakeFirst()
      await tx
        .updateTable('tokens')
        .set({ revoked_at: now })
        .where('task_id', '=', id)
        .where('revoked_at', 'is', null)
        .execute()
      return numUpdatedRows === 1n
    })
  }

  /** Ends every open task that matches, e.g. those of an agent or instance. Tries all of them, then throws the first error. */
  async closeWhere(matches: (task: Task) => boolean, end: TaskEnd, actor: LogActor): Promise<void> {
    const open = await this.#d.store.db.selectFrom('tasks').selectAll().where('state', '=', 'open').execute()
    await all(
      open
        .map(taskOf)
        .filter(matches)
        .map((task) => this.close(task.id, end, actor)),
    )
  }

  async get(id: string): Promise<Task | undefined> {
    const row = await this.#d.store.db.selectFrom('tasks').selectAll().where('id', '=', id).executeTakeFirst()
    return row && taskOf(row)
  }

  /** Every task an agent ever opened. */
  async idsOf(agent: string): Promise<ReadonlySet<string>> {
    const rows = await this.#d.store.db
      .selectFrom('tasks')
      .select('id')
      .where('agent_id', '=', agent)
      .execute()
    return new Set(rows.map(({ id }) => id))
  }

  /** The newest 1,000. */
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

  /** The task is in use. Does not wake one that was idle for too long. */
  touch(id: string): void {
    const now = this.#d.clock.now()
    const live = this.#live.get(id)
    if (live && endOf(live, now) === undefined) live.lastUsedAt = now
  }

  /**
   * Upkeep, every second or so: closes what is past its deadline or was idle for too long, goes on with ends that the store or the log did
   * not take, and writes down when tasks were last used. Tries all of it, then throws the first error.
   */
  async expireDue(): Promise<void> {
    const now = this.#d.clock.now()
    const work: Promise<unknown>[] = [this.#recordMissing()]
    for (const [id, { end, actor }] of this.#unfinished) {
      if (!this.#closing.has(id)) work.push(this.close(id, end, actor))
    }
    for (const [id, live] of this.#live) {
      const end = endOf(live, now)
      if (end) work.push(this.close(id, end, { kind: 'gateway' }))
      else if (live.lastUsedAt > live.flushedAt && now - live.flushedAt >= FLUSH_MS) {
        live.flushedAt = now
        const used = { last_used_at: live.lastUsedAt }
        work.push(
          this.#d.store.db
            .updateTable('tasks')
            .set(used)
            .where('id', '=', id)
            .where('state', '=', 'open')
            .execute(),
        )
      }
    }
    await all(work)
  }

  async #recordMissing(): Promise<void> {
    for (let event = this.#unrecorded.shift(); event; event = this.#unrecorded.shift()) {
      try {
        await this.#d.recorder.append(event)
      } catch (error) {
        this.#unrecorded.unshift(event)
        throw error
      }
    }
  }

  /** Another process may have ended the task. When this cannot be known, the bus is not alive and nothing is admitted. */
  async #recheck(id: string): Promise<void> {
    const task = await this.get(id)
    if (task?.state !== 'open') this.#live.delete(id)
  }

  async #template(opener: Opener, name: string): Promise<TaskTemplate> {
    const templates = this.#d.templates()
    const known = openableBy(templates, opener.agentName)
    const template = known.includes(name) ? templates[name] : undefined
    if (template) return template
    const asked = name.slice(0, 60).toWellFormed()
    await this.#d.recorder.append({
      type: 'task.refused',
      actor: actorOf(opener),
      data: { template: asked, code: 'TASK_TEMPLATE_UNKNOWN' },
    })
    return refuse('TASK_TEMPLATE_UNKNOWN', {
      template: asked,
      agent: opener.agentName,
      known: known.join(', ') || 'none',
    })
  }

  #assertRoom(instance: string): void {
    let open = 0
    for (const { task } of this.#live.values()) if (task.instance === instance) open++
    if (open >= MAX_OPEN)
      refuse('TASK_INPUT_INVALID', { detail: `this instance has ${MAX_OPEN} open tasks already` })
  }

  #keep(task: Task, grant: Grant, lastUsedAt: number): void {
    this.#live.set(task.id, { task, grant: compileGrant(grant), lastUsedAt, flushedAt: lastUsedAt })
  }
}

const actorOf = ({ agent, instance }: Opener): LogActor => ({ kind: 'agent', agent, instance })

function endOf(live: { task: Task; lastUsedAt: number }, now: number): TaskEnd | undefined {
  if (now >= live.task.expiresAt) return 'expired'
  return now - live.lastUsedAt >= live.task.idleMs ? 'idle' : undefined
}

/** One line that reads as it is written: no control characters, line separators or marks that turn the direction of text. */
function line(value: string, name: string): string {
  const odd = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u
  if (value.length === 0 || value.length > 200 || odd.test(value) || !value.isWellFormed()) {
    refuse('TASK_INPUT_INVALID', { detail: `\`${name}\` must be one line of 1 to 200 characters` })
  }
  return value
}

async function all(work: readonly Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((result) => result.status === 'rejected')
  if (failed) throw failed.reason
}
