import { Name } from '../config/schema.ts'
import type { Clock } from '../lib/clock.ts'
import { newId } from '../lib/id.ts'
import type { LogActor, LogType, Recorder } from '../model/evidence.ts'
import { refuse } from '../model/refusal.ts'
import type { Bus } from '../store/bus.ts'
import type { AgentRow } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { UniqueViolation } from '../store/store.ts'

/** How long after it was added or reviewed an agent has to be reviewed again. */
export const REVIEW_MS = 180 * 24 * 60 * 60 * 1000
/** How long before a review is due people are told. */
const WARN_MS = 14 * 24 * 60 * 60 * 1000

/** Agents: stable identities, each with an accountable person. */
export class Agents {
  readonly #d: {
    store: Store
    recorder: Recorder
    bus: Bus
    clock: Clock
    onStopped(agent: string): Promise<void>
    onBearerForbidden(agent: string): Promise<void>
  }

  /** `onStopped` ends what a suspended or revoked agent holds: tokens, tasks, open calls; `onBearerForbidden` its tokens that are bound to no key. */
  constructor(deps: {
    store: Store
    recorder: Recorder
    bus: Bus
    clock: Clock
    onStopped(agent: string): Promise<void>
    onBearerForbidden(agent: string): Promise<void>
  }) {
    this.#d = deps
  }

  async list(): Promise<readonly AgentRow[]> {
    return await this.#d.store.db.selectFrom('agents').selectAll().orderBy('name').execute()
  }

  async find(name: string): Promise<AgentRow | undefined> {
    return await this.#d.store.db.selectFrom('agents').selectAll().where('name', '=', name).executeTakeFirst()
  }

  async require(name: string): Promise<AgentRow> {
    return (await this.find(name)) ?? refuse('AGENT_UNKNOWN', { agent: name.slice(0, 60) })
  }

  /** @throws Refusal AGENT_EXISTS, or REQUEST_MALFORMED when a field is missing or malformed */
  async add(input: { name: string; sponsor: string; purpose: string }, by: LogActor): Promise<AgentRow> {
    checkAgent(input)
    if (await this.find(input.name)) refuse('AGENT_EXISTS', { agent: input.name })
    const now = this.#d.clock.now()
    const agent: AgentRow = {
      id: newId('agt'),
      ...input,
      status: 'active',
      created_at: now,
      review_due_at: now + REVIEW_MS,
      sponsor_left_at: null,
      bearer: 0,
    }
    await this.#d.recorder.append({
      type: 'agent.added',
      actor: by,
      data: { agent: agent.id, name: agent.name, sponsor: agent.sponsor, purpose: agent.purpose },
    })
    try {
      await this.#d.store.transaction((tx) => tx.insertInto('agents').values(agent).execute())
    } catch (error) {
      if (error instanceof UniqueViolation) refuse('AGENT_EXISTS', { agent: input.name })
      throw error
    }
    return agent
  }

  suspend(name: string, by: LogActor): Promise<AgentRow> {
    return this.#change(name, 'suspended', 'agent.suspended', by)
  }

  /** Revives no task, token or instance. */
  resume(name: string, by: LogActor): Promise<AgentRow> {
    return this.#change(name, 'active', 'agent.resumed', by)
  }

  revoke(name: string, by: LogActor): Promise<AgentRow> {
    return this.#change(name, 'revoked', 'agent.revoked', by)
  }

  /** The person who answers for the agent is another one from now on. */
  async changeSponsor(name: string, sponsor: string, by: LogActor): Promise<AgentRow> {
    const agent = await this.#standing(name)
    checkAgent({ name, sponsor, purpose: agent.purpose })
    // Naming the one who left again would undo that they left.
    if (agent.sponsor_left_at !== null && sponsor.trim().toLowerCase() === agent.sponsor.trim().toLowerCase())
      refuse('AGENT_SPONSOR_LEFT', { agent: name, sponsor: agent.sponsor })
    await this.#d.recorder.append({
      type: 'agent.changed',
      actor: by,
      data: { agent: agent.id, name, sponsor },
    })
    return await this.#update(agent, { sponsor, sponsor_left_at: null })
  }

  /** Somebody looked at what the agent may do and still wants it. */
  async review(name: string, by: LogActor): Promise<AgentRow> {
    const agent = await this.#standing(name)
    const review_due_at = this.#d.clock.now() + REVIEW_MS
    const data = { agent: agent.id, name, next: review_due_at }
    await this.#d.recorder.append({ type: 'agent.reviewed', actor: by, data })
    return await this.#update(agent, { review_due_at })
  }

  /** Whether its instances may hold tokens that are bound to no key: for clients that can do neither DPoP nor mTLS. */
  async allowBearer(name: string, isAllowed: boolean, by: LogActor): Promise<AgentRow> {
    const agent = await this.#standing(name)
    const data = { agent: agent.id, name, bearer: isAllowed }
    await this.#d.recorder.append({ type: 'agent.changed', actor: by, data })
    const changed = await this.#update(agent, { bearer: isAllowed ? 1 : 0 })
    // Afterwards, so that one issued at this moment is either found here or refused for the new state.
    if (!isAllowed) {
      await this.#d.onBearerForbidden(agent.id)
      await this.#d.bus.publish({ topic: 'agent', id: agent.id })
    }
    return changed
  }

  /** A person left: their agents get no new task until somebody else answers for them. @returns how many there are */
  async sponsorLeft(sponsor: string, by: LogActor): Promise<number> {
    const agents = await this.#d.store.db
      .selectFrom('agents')
      .selectAll()
      .where('sponsor', '=', sponsor)
      .where('status', '!=', 'revoked')
      .execute()
    if (agents.length === 0) return 0
    await this.#d.recorder.append({
      type: 'sponsor.left',
      actor: by,
      data: { sponsor: sponsor.slice(0, 200), agents: agents.map((agent) => agent.id) },
    })
    for (const agent of agents) await this.#update(agent, { sponsor_left_at: this.#d.clock.now() })
    return agents.length
  }

  /** @throws Refusal AGENT_SPONSOR_LEFT, AGENT_REVIEW_OVERDUE: what it holds goes on, but it gets nothing new */
  async mayStart(id: string): Promise<void> {
    const agent = await this.#d.store.db
      .selectFrom('agents')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirstOrThrow()
    if (agent.sponsor_left_at !== null)
      refuse('AGENT_SPONSOR_LEFT', { agent: agent.name, sponsor: agent.sponsor })
    if (agent.review_due_at <= this.#d.clock.now()) refuse('AGENT_REVIEW_OVERDUE', { agent: agent.name })
  }

  /** Agents whose review is due soon or overdue, or whose sponsor has left: what people should be told ahead. */
  async needingReview(): Promise<readonly AgentRow[]> {
    return await this.#d.store.db
      .selectFrom('agents')
      .selectAll()
      .where('status', '!=', 'revoked')
      .where((e) =>
        e.or([e('sponsor_left_at', 'is not', null), e('review_due_at', '<=', this.#d.clock.now() + WARN_MS)]),
      )
      .orderBy('review_due_at')
      .execute()
  }

  async #standing(name: string): Promise<AgentRow> {
    const agent = await this.require(name)
    if (agent.status === 'revoked') refuse('AGENT_REVOKED', { agent: name })
    return agent
  }

  async #update(agent: AgentRow, change: Partial<AgentRow>): Promise<AgentRow> {
    await this.#d.store.db.updateTable('agents').set(change).where('id', '=', agent.id).execute()
    await this.#d.bus.publish({ topic: 'agent', id: agent.id })
    return { ...agent, ...change }
  }

  async #change(name: string, status: AgentRow['status'], type: LogType, by: LogActor): Promise<AgentRow> {
    const agent = await this.require(name)
    // Revoked is final.
    if (agent.status === 'revoked') refuse('AGENT_REVOKED', { agent: name })
    await this.#d.recorder.append({ type, actor: by, data: { agent: agent.id, name } })
    // Serialised, so a token issued at this moment is either seen by `onStopped` or refused for the new status.
    const changed = await this.#d.store.transaction((tx) =>
      tx
        .updateTable('agents')
        .set({ status })
        .where('id', '=', agent.id)
        .where('status', '!=', 'revoked')
        .executeTakeFirst(),
    )
    if (changed.numUpdatedRows !== 1n) refuse('AGENT_REVOKED', { agent: name })
    if (status !== 'active') await this.#d.onStopped(agent.id)
    await this.#d.bus.publish({ topic: 'agent', id: agent.id })
    return { ...agent, status }
  }
}

/** The name goes into policies, paths and commands; the sponsor is the person who answers for the agent. */
function checkAgent({ name, sponsor, purpose }: { name: string; sponsor: string; purpose: string }): void {
  if (!Name.safeParse(name).success) {
    refuse('REQUEST_MALFORMED', { detail: '`name` takes 1 to 40 lower-case letters, digits and hyphens' })
  }
  if (sponsor.trim().length < 3 || sponsor.length > 200 || /\p{C}/u.test(sponsor)) {
    refuse('REQUEST_MALFORMED', {
      detail: '`sponsor` must name the accountable person in 3 to 200 characters',
    })
  }
  if (purpose.length > 200 || /\p{C}/u.test(purpose)) {
    refuse('REQUEST_MALFORMED', { detail: '`purpose` must be one line of at most 200 characters' })
  }
}
