import type { TaskTemplate } from '../config/schema.ts'
import { durationMs } from '../config/schema.ts'
import type { PersonsRequest } from '../flow/tasks.ts'
import { all } from '../lib/all.ts'
import type { Clock } from '../lib/clock.ts'
import { newId } from '../lib/id.ts'
import type { LogActor, LogEvent, Recorder } from '../model/evidence.ts'
import type { Grant } from '../model/grant.ts'
import type { JsonObject } from '../model/json.ts'
import { childLineage, idsOf, rootLineage } from '../model/lineage.ts'
import type { Principal } from '../model/principal.ts'
import { refuse } from '../model/refusal.ts'
import type { Task, TaskEnd } from '../model/task.ts'
import type { Bus } from '../store/bus.ts'
import type { Store } from '../store/store.ts'
import type { Budgets } from './budgets.ts'
import type { ChildRequest } from './child-grant.ts'
import { childGrant } from './child-grant.ts'
import type { CompiledGrant } from './compile.ts'
import { compileGrant } from './compile.ts'
import { LateEntries } from './late-entries.ts'
import type { Opener, OpenInput } from './task-input.ts'
import { actorOf, keptOpening, line, personOf, requestRecord } from './task-input.ts'
import { TaskTable } from './task-table.ts'
import type { Templates } from './templates.ts'
import { detailsOf, openableBy, termsOf, widened } from './templates.ts'

export interface LiveTask {
  readonly task: Task
  readonly grant: CompiledGrant
}

interface Held extends LiveTask {
  lastUsedAt: number
  flushedAt: number
}

interface TaskDeps {
  readonly store: Store
  readonly recorder: Recorder
  readonly bus: Bus
  readonly clock: Clock
  readonly budgets: Budgets
  templates(): Templates
  /**
   * @param within the task that something new would belong to; undefined where an instance opens one by its own right
   * @throws Refusal when nothing new may start: a lock, an overdue review, a sponsor who has left, an instance that is confined to its task
   */
  mayStart(who: Pick<Principal, 'agent' | 'instance'>, within: Task | 'sign-in' | undefined): Promise<void>
  /** A task that no other hangs above has been opened; before its first call. */
  onOpen(task: Task, request: PersonsRequest | undefined): void
  /**
   * Ends what the task holds: tokens in memory, open calls, child processes, leases. Awaited before a close is answered.
   * @returns false while a credential may still be good
   */
  onEnd(task: Task, end: TaskEnd): Promise<boolean>
}

const FLUSH_MS = 5000
/** More open tasks than this for one instance are a leak or an attack on memory. */
const MAX_OPEN = 1000

/**
 * Tasks and their grants. Live ones are in memory; every other process learns of a change through the bus.
 * open ⇄ paused → closing → closed. Entering `closing` is where tokens die and calls are refused, for the whole subtree at once; `closed`
 * follows when every credential is revoked or has lapsed.
 */
export class Tasks {
  readonly #d: TaskDeps
  readonly #table: TaskTable
  readonly #live = new Map<string, Held>()
  /** Ends under way, so that a second caller waits for the same one. */
  readonly #closing = new Map<string, Promise<Task>>()
  /** Ends that the store did not take yet. They are admitted no more and closed again by {@link expireDue}. */
  readonly #unfinished = new Map<string, { end: TaskEnd; actor: LogActor }>()
  /** Ended tasks of which something may still be going on. */
  readonly #lingering = new Map<string, Task>()
  /** Ends that the log did not take yet. */
  readonly #late: LateEntries
  readonly #unsubscribe: () => void

  constructor(deps: TaskDeps) {
    this.#d = deps
    this.#table = new TaskTable(deps.store)
    this.#late = new LateEntries(deps.recorder)
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

  /** Brings tasks that are not over into memory after a start. */
  async load(): Promise<void> {
    for (const { task, grant, lastUsedAt } of await this.#table.living()) this.#keep(task, grant, lastUsedAt)
  }

  /** @param signedIn the person, when it was them who let the agent act. @throws Refusal TASK_TEMPLATE_UNKNOWN, TASK_INPUT_INVALID, AGENT_* */
  async open(opener: Opener, input: OpenInput, signedIn?: string): Promise<{ task: Task; grant: Grant }> {
    const template = await this.#template(opener, input.template)
    await this.#d.mayStart(opener, signedIn === undefined ? undefined : 'sign-in')
    this.#assertRoom(opener.instance)
    const now = this.#d.clock.now()
    const id = newId('tsk', now)
    const subject = input.subject === undefined ? undefined : line(input.subject, 'subject')
    const task: Task = {
      id,
      agent: opener.agent,
      instance: opener.instance,
      template: input.template,
      purpose: line(input.purpose ?? template.purpose, 'purpose'),
      ...personOf(opener, input, signedIn),
      subject,
      state: 'open',
      end: undefined,
      openedAt: now,
      expiresAt: now + durationMs(template.lifetime),
      idleMs: durationMs(template.idle),
      parent: undefined,
      lineage: rootLineage(id),
      txn: id,
    }
    const grant: Grant = {
      id: newId('grt', now),
      task: id,
      details: detailsOf(template, subject),
      ...termsOf(template),
      parent: undefined,
      expiresAt: task.expiresAt,
    }
    await this.#d.recorder.append({
      type: 'task.opened',
      actor: actorOf(opener),
      task: id,
      grant: grant.id,
      ...keptOpening(task, input),
      data: {
        template: task.template,
        ...(input.purpose === undefined ? { purpose: task.purpose } : {}),
        on_behalf_of: task.onBehalfOf,
        vouched: task.vouched,
        ...(input.request === undefined ? {} : requestRecord(input.request)),
        expires_at: task.expiresAt,
      },
    })
    await this.#insert(task, grant)
    this.#d.onOpen(task, input.request)
    return { task, grant }
  }

  /**
   * Hands a part of a task to a sub-agent: a task of its own below it, which ends with it.
   * @throws Refusal TASK_UNKNOWN, DELEGATION_*, TASK_INPUT_INVALID, AGENT_*
   */
  async delegate(
    by: Pick<Principal, 'agent' | 'instance'>,
    parentId: string,
    to: Opener,
    request: ChildRequest & { readonly purpose?: string | undefined },
  ): Promise<{ task: Task; grant: Grant }> {
    const whole = this.live(parentId)
    if (whole?.task.instance !== by.instance) return refuse('TASK_UNKNOWN', { task: parentId.slice(0, 40) })
    for (const each of [by, to]) await this.#d.mayStart(each, whole.task)
    this.#assertRoom(to.instance)
    const parent = this.live(parentId)
    if (!parent) return refuse('TASK_UNKNOWN', { task: parentId.slice(0, 40) })
    const now = this.#d.clock.now()
    const id = newId('tsk', now)
    const { agentName } = to
    const { template } = parent.task
    const purpose = line(request.purpose ?? parent.task.purpose, 'purpose')
    const remaining = this.#d.budgets.remaining(parent.grant)
    const ids = { grant: newId('grt', now), task: id }
    const grant = childGrant(ids, parent.grant, remaining, { agentName, template }, request)
    const task: Task = {
      ...parent.task,
      id,
      agent: to.agent,
      instance: to.instance,
      purpose,
      openedAt: now,
      expiresAt: grant.expiresAt,
      parent: parent.task.id,
      lineage: childLineage(parent.task.lineage, id),
    }
    // Nothing yielded since the remainder was read, so two children never draw the same part of it.
    this.#d.budgets.draw(parent.grant, grant)
    try {
      await this.#d.recorder.append({
        type: 'task.delegated',
        actor: actorOf(by),
        task: id,
        grant: grant.id,
        ...keptOpening(task, request),
        data: {
          parent: parent.task.id,
          to_agent: to.agent,
          to_instance: to.instance,
          budget: { ...grant.budget } as JsonObject,
          expires_at: task.expiresAt,
        },
      })
      await this.#insert(task, grant)
    } catch (error) {
      this.#d.budgets.end(grant)
      throw error
    }
    return { task, grant }
  }

  /**
   * Adds the rights of another template to an open task (step-up). It lives no longer for it.
   * @throws Refusal TASK_UNKNOWN, STEP_UP_NOT_ALLOWED, TASK_TEMPLATE_UNKNOWN, TASK_INPUT_INVALID, AGENT_*
   */
  async widen(opener: Opener, id: string, templateName: string): Promise<{ task: Task; grant: Grant }> {
    const before = this.live(id)
    if (before?.task.instance !== opener.instance) return refuse('TASK_UNKNOWN', { task: id.slice(0, 40) })
    const { task } = before
    const known = this.#d.templates()[task.template]?.step_up ?? []
    // What a sub-agent has was decided by the task above it.
    if (task.parent !== undefined || !known.includes(templateName)) {
      await this.#refused(opener, templateName, 'STEP_UP_NOT_ALLOWED', id)
      refuse('STEP_UP_NOT_ALLOWED', { template: task.template, wanted: templateName.slice(0, 60) })
    }
    // Once is all it adds: asking again is no way to fill a budget up.
    if (before.grant.added?.includes(templateName)) return before
    const template = await this.#template(opener, templateName)
    await this.#d.mayStart(opener, task)
    const grant = widened(before.grant, { name: templateName, template }, task.subject)
    await this.#d.recorder.append({
      type: 'grant.widened',
      actor: actorOf(opener),
      task: id,
      grant: grant.id,
      data: { template: templateName, budget: { ...grant.budget } as JsonObject },
    })
    await this.#table.widen(grant)
    // It may have ended since; what has ended does not come back.
    if (!this.#live.has(id)) refuse('TASK_CLOSED', { end: 'meanwhile' })
    this.#keep(task, grant, this.#d.clock.now())
    await this.#d.bus.publish({ topic: 'task', id })
    return { task, grant }
  }

  /** Calls of the task and of what hangs below it are refused until it is resumed; leases are kept. @throws Refusal TASK_UNKNOWN, TASK_CLOSED */
  pause(id: string, by: LogActor): Promise<Task> {
    return this.#switch(id, 'open', 'paused', by)
  }

  resume(id: string, by: LogActor): Promise<Task> {
    return this.#switch(id, 'paused', 'open', by)
  }

  async #switch(id: string, from: 'open' | 'paused', to: 'open' | 'paused', by: LogActor): Promise<Task> {
    const task = await this.get(id)
    if (!task) return refuse('TASK_UNKNOWN', { task: id.slice(0, 40) })
    if (task.state === to) return task
    if (task.state !== from) refuse('TASK_CLOSED', { end: task.end ?? 'closing' })
    await this.#d.recorder.append({
      type: to === 'paused' ? 'task.paused' : 'task.resumed',
      actor: by,
      task: id,
      data: {},
    })
    if (!(await this.#table.switch(id, from, to, this.#d.clock.now())))
      refuse('TASK_CLOSED', { end: 'meanwhile' })
    await this.#recheck(id)
    await this.#d.bus.publish({ topic: 'task', id })
    return { ...task, state: to }
  }

  /**
   * Ends a task and its subtree; a second end changes nothing. When this resolves, their tokens are revoked and their open calls aborted;
   * the task is `closed` when every credential is revoked, and `closing` while one is tried again.
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
    // From here on no call of it or below it is admitted, even while the log and the store are still being told.
    this.#live.delete(id)
    if (live) this.#unfinished.set(id, { end, actor })
    const task = await this.get(id)
    if (!task) return refuse('TASK_UNKNOWN', { task: id.slice(0, 40) })
    if (task.state === 'closing' || task.state === 'closed') {
      this.#unfinished.delete(id)
      return task
    }
    this.#unfinished.set(id, { end, actor })
    const event: LogEvent = { type: 'task.closing', actor, task: id, data: { end } }
    const [recorded] = await Promise.allSettled([this.#d.recorder.append(event)])
    // Ending is the safe side, so it happens even when the log cannot take it; the entry follows when it can.
    if (recorded.status === 'rejected') this.#late.add(event)
    const at = { now: this.#d.clock.now(), lastUsedAt: live?.lastUsedAt }
    const ended = await this.#table.end(task, end, at)
    this.#unfinished.delete(id)
    // The deepest first: what a sub-agent did not spend goes back up.
    const deepestFirst = ended.toSorted((a, b) => b.lineage.length - a.lineage.length)
    await all(deepestFirst.map((one) => this.#ended(one)))
    if (recorded.status === 'rejected') throw recorded.reason
    return (await this.get(id)) ?? { ...task, state: 'closing', end }
  }

  /** What follows from an end that the store has taken. What is open here ends also when nobody else can be told. */
  async #ended(task: Task): Promise<void> {
    const held = this.#live.get(task.id)?.grant
    this.#live.delete(task.id)
    if (task.end === 'parent')
      this.#late.add({
        type: 'task.closing',
        actor: { kind: 'gateway' },
        task: task.id,
        data: { end: 'parent' },
      })
    const settle = async () => {
      const grant = held ?? (await this.#table.grantOf(task.id))
      if (grant) await this.#table.spent(grant.id, this.#d.budgets.end(grant))
    }
    await all([
      settle(),
      this.#d.bus.publish({ topic: 'task', id: task.id }),
      this.#letGo(task),
      this.#late.record(),
    ])
  }

  /** Tried again by {@link expireDue} until all of it has gone through. */
  async #letGo(task: Task): Promise<void> {
    this.#lingering.delete(task.id)
    try {
      if (await this.#d.onEnd(task, task.end ?? 'revoked')) await this.finish(task.id)
    } catch (error) {
      this.#lingering.set(task.id, task)
      throw error
    }
  }

  /** Every credential of a task that was ending is gone: now it is closed. */
  async finish(id: string): Promise<void> {
    if (!(await this.#table.switch(id, 'closing', 'closed', this.#d.clock.now()))) return
    const task = await this.get(id)
    this.#late.add({
      type: 'task.closed',
      actor: { kind: 'gateway' },
      task: id,
      data: { end: task?.end ?? 'revoked' },
    })
    await this.#late.record()
  }

  /** Ids of tasks that are ending and wait for a credential. */
  unfinished(): Promise<readonly string[]> {
    return this.#table.closing()
  }

  /** Ends every task that matches and is not over, e.g. those of an agent. Tries all of them, then throws the first error. */
  async closeWhere(matches: (task: Task) => boolean, end: TaskEnd, actor: LogActor): Promise<void> {
    const living = await this.#table.living()
    await all(living.filter(({ task }) => matches(task)).map(({ task }) => this.close(task.id, end, actor)))
  }

  get(id: string): Promise<Task | undefined> {
    return this.#table.get(id)
  }

  /** A task of any state with its grant. */
  async describe(id: string): Promise<{ task: Task; grant: Grant } | undefined> {
    const task = await this.get(id)
    const grant = task && (await this.#table.grantOf(id))
    return grant && { task, grant }
  }

  /** The newest 1,000. */
  list(filter: { open: boolean }): Promise<readonly Task[]> {
    return this.#table.list(filter)
  }

  /**
   * From memory, so that it can be asked where nothing may wait. A task past its deadline or idle time, paused, or below one that is no
   * longer live, is not live.
   */
  live(id: string): LiveTask | undefined {
    const live = this.#live.get(id)
    if (!live) return undefined
    const now = this.#d.clock.now()
    const stands = (one: Held | undefined) => one?.task.state === 'open' && endOf(one, now) === undefined
    if (live.task.parent === undefined) return stands(live) ? live : undefined
    return idsOf(live.task.lineage).every((each) => stands(this.#live.get(each))) ? live : undefined
  }

  /** The task, and with it those above it, is in use. Does not wake one that was idle for too long. */
  touch(id: string): void {
    const lineage = this.live(id)?.task.lineage
    if (lineage === undefined) return
    const now = this.#d.clock.now()
    for (const each of idsOf(lineage)) {
      const live = this.#live.get(each)
      if (live) live.lastUsedAt = now
    }
  }

  /**
   * Upkeep, every second or so: closes what is past its deadline or was idle for too long, goes on with ends that the store or the log did
   * not take, and writes down when tasks were last used. Tries all of it, then throws the first error.
   */
  async expireDue(): Promise<void> {
    const now = this.#d.clock.now()
    const work: Promise<unknown>[] = [this.#late.record()]
    for (const [id, { end, actor }] of this.#unfinished) {
      if (!this.#closing.has(id)) work.push(this.close(id, end, actor))
    }
    for (const task of [...this.#lingering.values()]) work.push(this.#letGo(task))
    for (const [id, live] of this.#live) {
      const end = endOf(live, now)
      if (end) work.push(this.close(id, end, { kind: 'gateway' }))
      else if (live.lastUsedAt > live.flushedAt && now - live.flushedAt >= FLUSH_MS) {
        live.flushedAt = now
        work.push(this.#table.used(id, live.lastUsedAt))
      }
    }
    await all(work)
  }

  /** Another process may have changed the task. When this cannot be known, the bus is not alive and nothing is admitted. */
  async #recheck(id: string): Promise<void> {
    const [task, grant] = await Promise.all([this.get(id), this.#table.grantOf(id)])
    const held = this.#live.get(id)
    if (!held) return
    if (task && grant && (task.state === 'open' || task.state === 'paused')) {
      const now = this.#d.clock.now()
      this.#keep(task, grant, held.task.state === 'paused' ? now : held.lastUsedAt)
    } else this.#live.delete(id)
  }

  async #insert(task: Task, grant: Grant): Promise<void> {
    await this.#table.insert(task, grant)
    this.#keep(task, grant, task.openedAt)
  }

  async #template(opener: Opener, name: string): Promise<TaskTemplate> {
    const templates = this.#d.templates()
    const known = openableBy(templates, opener.agentName)
    const template = known.includes(name) ? templates[name] : undefined
    if (template) return template
    await this.#refused(opener, name, 'TASK_TEMPLATE_UNKNOWN')
    return refuse('TASK_TEMPLATE_UNKNOWN', {
      template: name.slice(0, 60).toWellFormed(),
      agent: opener.agentName,
      known: known.join(', ') || 'none',
    })
  }

  async #refused(opener: Opener, template: string, code: string, task?: string): Promise<void> {
    await this.#d.recorder.append({
      type: 'task.refused',
      actor: actorOf(opener),
      ...(task === undefined ? {} : { task }),
      data: { template: template.slice(0, 60).toWellFormed(), code },
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

/** A paused task is not idle: it may not be used. */
function endOf(live: { task: Task; lastUsedAt: number }, now: number): TaskEnd | undefined {
  if (now >= live.task.expiresAt) return 'expired'
  return live.task.state !== 'paused' && now - live.lastUsedAt >= live.task.idleMs ? 'idle' : undefined
}
