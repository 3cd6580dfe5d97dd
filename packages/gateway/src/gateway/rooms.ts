import { hkdfSync } from 'node:crypto'
import { BodyKeys } from '../audit/content/body-keys.ts'
import { Contents } from '../audit/content/contents.ts'
import { applyRetention } from '../audit/content/retention.ts'
import { SealingRecorder } from '../audit/content/sealing-recorder.ts'
import { Subjects } from '../audit/content/subjects.ts'
import type { AuditLog } from '../audit/log.ts'
import { keptMs } from '../config/audit-schema.ts'
import type { Loaded } from '../config/load.ts'
import { durationMs } from '../config/schema.ts'
import type { LeaseHolder } from '../credentials/broker.ts'
import { brokers } from '../credentials/brokers/index.ts'
import { Leases } from '../credentials/leases.ts'
import { References } from '../credentials/resolve.ts'
import { seal, unseal } from '../credentials/seal.ts'
import { Secrets } from '../credentials/secrets.ts'
import { poisoningAmong, poisoningIn } from '../firewall/tool-poisoning.ts'
import { Holds } from '../flow/holds.ts'
import { FlowTasks } from '../flow/tasks.ts'
import { Budgets } from '../grants/budgets.ts'
import { TaskTable } from '../grants/task-table.ts'
import type { LiveTask } from '../grants/tasks.ts'
import { Tasks } from '../grants/tasks.ts'
import { Agents } from '../identity/agents.ts'
import { Enrolment } from '../identity/enrolment.ts'
import { KeySets } from '../identity/federation/index.ts'
import { Instances } from '../identity/instances.ts'
import { Clients, Codes } from '../identity/interactive/index.ts'
import { Operators } from '../identity/operators/operators.ts'
import { Passkeys } from '../identity/operators/passkeys.ts'
import { outwardToken, SigningKeys, StatusList } from '../identity/outward/index.ts'
import { ReplayWindow } from '../identity/replay.ts'
import { Outbox } from '../identity/signals/index.ts'
import { Tokens } from '../identity/tokens.ts'
import type { Clock } from '../lib/clock.ts'
import { idsOf } from '../model/lineage.ts'
import { Refusal } from '../model/refusal.ts'
import type { Task } from '../model/task.ts'
import { Duties } from '../oversight/duties.ts'
import { Locks, lockReason } from '../oversight/locks.ts'
import { Registry } from '../registry/tools.ts'
import type { Bus } from '../store/bus.ts'
import type { Store } from '../store/store.ts'
import type { Stop } from './data-plane.ts'
import { followOthers } from './follow.ts'
import { replayLog } from './replay-log.ts'

export interface RoomDeps {
  readonly log: AuditLog
  readonly store: Store
  readonly bus: Bus
  readonly clock: Clock
  /** The present configuration. */
  config(): Loaded
  /** Ends what is open, in every process. Resolves when it is ended. */
  stop(what: Stop): Promise<void>
  /** Secrets of leases came into use. */
  onSecrets(): Promise<void>
  /** Seals secrets at rest. */
  readonly kek: Buffer
  /** Base address, known once the gateway listens. */
  issuer(): string
  /** For people: something that ought to be over is not. */
  onAlarm(problem: string): void
}

export type Rooms = ReturnType<typeof furnish>

/** The rooms with state that have one owner on a machine, joined where one has to act on what happens in another. */
export function furnish({ log, store, bus, clock, config, stop, onSecrets, onAlarm, issuer, kek }: RoomDeps) {
  const { dir, config: atStart } = config()
  const derived = (use: string) => Buffer.from(hkdfSync('sha256', kek, '', use, 32))
  const sealer = {
    fingerprint: derived('ostiary kek fingerprint').toString('hex').slice(0, 16),
    seal: (name: string, value: string) => seal(kek, name, 1, value),
    open: (name: string, sealed: string) => unseal(kek, name, 1, sealed).reveal(),
  }
  const bodyKeys = new BodyKeys(store, sealer)
  const subjects = new Subjects({
    store,
    bus,
    clock,
    log,
    sealer,
    keys: bodyKeys,
    lookupKey: derived('ostiary subject lookup'),
    onErase: (name) => new TaskTable(store).forgetSubject(name),
  })
  const recorder = new SealingRecorder({
    log,
    subjects,
    keys: bodyKeys,
    clock,
    recordClass({ task, about }) {
      const template = task === undefined ? undefined : tasks.live(task)?.task.template
      const own = template === undefined ? undefined : config().config.tasks[template]?.record_class
      return own ?? (about?.length ? 'clinical' : 'general')
    },
  })
  const common = { store, recorder, bus, clock }
  const gateway = { kind: 'gateway' } as const

  const tokens = new Tokens({ store, clock })
  const secrets = new Secrets({ ...common, kek })
  const signingKeys = new SigningKeys({ ...common, sealer })
  const statuses = new StatusList(common)
  const outwardDeps = () => ({
    issuer: issuer(),
    clock,
    keys: signingKeys,
    statuses,
    tokens,
    live: (id: string) => tasks.live(id),
  })
  const outbox = new Outbox({
    ...common,
    keys: signingKeys,
    issuer,
    receivers: () => config().config.signals.send,
    secret: (server, reference) => resolve(server, reference),
  })
  const references = new References({ dir, env: process.env, secrets })
  const resolve: References['resolve'] = (server, reference) => references.resolve(server, reference)
  const leases: Leases = new Leases({
    ...common,
    kek,
    brokers: brokers({
      now: () => clock.now(),
      secret: resolve,
      outwardToken: ({ holder }, audience, boundTo) =>
        outwardToken(outwardDeps(), holder?.task, audience, boundTo),
      requestKey: () => signingKeys.requestKey,
      async replaceSecret({ broker }, value) {
        const name = broker.slice('sealed:'.length)
        if ((await secrets.open(name)).reveal() === value) return
        // The one before is no good at the other side any more: using it again would look like theft.
        await secrets.put(name, value, gateway, 0)
      },
    }),
    resolve,
    holder(id) {
      const live = tasks.live(id)
      return live && holderOf(live)
    },
    onAlarm,
    requestKey: () => signingKeys.requestKey,
    serverConfig: (name) => config().config.servers[name] ?? config().config.models[name],
    onOpened: onSecrets,
  })
  const budgets = new Budgets(store)
  const flow = new FlowTasks(() => config().config)
  const holds = new Holds()
  const tasks: Tasks = new Tasks({
    ...common,
    budgets,
    templates: () => config().config.tasks,
    async mayStart({ agent, instance }, within) {
      const task = typeof within === 'object' ? within : undefined
      const lock = locks.view.stops({
        agent,
        instance,
        task: task?.id,
        lineage: task ? idsOf(task.lineage) : [],
        server: '',
        tool: undefined,
      })
      if (lock) throw new Refusal(lockReason(lock))
      if (within === undefined) await instances.mayOpen(instance)
      await agents.mayStart(agent)
    },
    onOpen: (task, request) => flow.open(task, request),
    async onEnd(task, end) {
      tokens.drop({ task: task.id })
      // Sub-agents share what the root of their tree has seen.
      if (task.parent === undefined) {
        flow.end(task)
        holds.end(task.txn)
      }
      // What stops comes first and is tried in any case; telling others may fail.
      const stopped = await Promise.allSettled([stop({ task: task.id, end })])
      const [over, ...told] = await Promise.allSettled([
        leases.close(task.id),
        instances.endMadeFor(task.id),
        statuses.revoke(task.id),
        outbox.taskEnded(task, end),
      ])
      const failed = [...stopped, over, ...told].find((result) => result.status === 'rejected')
      if (failed) throw failed.reason
      return over.status === 'fulfilled' && over.value
    },
  })
  const instances: Instances = new Instances({
    ...common,
    async onRevoked(instance) {
      const done = await Promise.allSettled([
        tokens.revoke({ instance }),
        flow.forget(instance),
        stop({ instance }),
        tasks.closeWhere((task) => task.instance === instance, 'revoked', gateway),
        outbox.instanceRevoked(instance),
      ])
      const failed = done.find((result) => result.status === 'rejected')
      if (failed) throw failed.reason
    },
  })
  const agents: Agents = new Agents({
    ...common,
    async onStopped(agent) {
      await tokens.revoke({ agent })
      await tasks.closeWhere((task) => task.agent === agent, 'revoked', gateway)
    },
    onBearerForbidden: (agent) => tokens.revoke({ bearersOf: agent }),
  })
  const locks = new Locks(common)
  const codes = new Codes(common)
  /** Nothing acts any more for a person because they signed in. */
  const endFor = async (person: string) => {
    await codes.voidOf(person)
    const isTheirs = (task: Task) => task.vouched === 'sign-in' && task.onBehalfOf === person
    await tasks.closeWhere(isTheirs, 'revoked', gateway)
  }
  const operators = new Operators({ ...common, onDisabled: endFor })
  return {
    ...common,
    resolve,
    contents: new Contents(log, bodyKeys),
    subjects,
    applyRetention: () =>
      applyRetention({
        store,
        clock,
        log,
        keys: bodyKeys,
        keptMs: (recordClass) => keptMs(config().config.audit.retention, recordClass),
      }),
    signingKeys,
    statuses,
    outwardDeps,
    outbox,
    log,
    tokens,
    secrets,
    leases,
    tasks,
    instances,
    agents,
    budgets,
    flow,
    holds,
    locks,
    operators,
    passkeys: new Passkeys(common),
    duties: new Duties({ ...common, operators, locks }),
    clients: new Clients({ ...common, config: () => config().config.interactive }),
    codes,
    endFor,
    keySets: new KeySets({ dir, now: () => clock.now() }),
    registry: new Registry({ ...common, inspector: { alone: poisoningIn, among: poisoningAmong } }),
    enrolment: new Enrolment(common),
    replay: new ReplayWindow(Math.max(2 * durationMs(atStart.tokens.proof_window), 120_000) + 60_000),
  }
}

const holderOf = ({ task, grant }: LiveTask): LeaseHolder => ({
  task: task.id,
  grant: grant.id,
  agent: task.agent,
  instance: task.instance,
  subject: task.subject,
  onBehalfOf: task.onBehalfOf,
  purpose: task.purpose,
  expiresAt: task.expiresAt,
})

/** What to do when the organisation's provider says that a person is signed out, or gone. */
export const personSignals = ({
  operators,
  endFor,
  agents,
}: Pick<Rooms, 'operators' | 'endFor' | 'agents'>) => ({
  nameOf: (subject: { iss: string; sub: string }) => operators.nameOf(subject),
  async onSessionsRevoked(person: string): Promise<void> {
    const operator = await operators.find(person)
    if (operator) await operators.endSessions(operator.id)
    await endFor(person)
  },
  async onAccountDisabled(person: string): Promise<void> {
    const by = { kind: 'gateway' } as const
    if ((await operators.find(person))?.status === 'active') await operators.disable(person, by)
    await agents.sponsorLeft(person, by)
  },
})

/** Tries to revoke again what could not be, and closes the tasks that waited for it. */
export async function retryLeases({ leases, tasks }: Pick<Rooms, 'leases' | 'tasks'>): Promise<void> {
  await leases.retryDue()
  await finishOver({ leases, tasks })
}

async function finishOver({ leases, tasks }: Pick<Rooms, 'leases' | 'tasks'>): Promise<void> {
  for (const task of await tasks.unfinished()) if (await leases.isOver(task)) await tasks.finish(task)
}

/** Brings into memory what was there before the start, and follows what other gateways on the same database do. */
export async function openRooms(rooms: Rooms, deps: RoomDeps): Promise<void> {
  const { log, clock, locks, registry, tasks, leases, replay, budgets } = rooms
  followOthers({ ...rooms, stop: deps.stop })
  await Promise.all([
    locks.load(),
    registry.load(),
    tasks.load(),
    rooms.signingKeys.load(),
    rooms.subjects.load(),
  ])
  await replayLog(log, replay, budgets, clock.now())
  await leases.recover()
  await finishOver(rooms)
  await registry.configure(deps.config().config.servers)
}
