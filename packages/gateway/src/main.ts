import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { hostname, userInfo } from 'node:os'
import { join } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import type { Hono } from 'hono'
import type { Logger } from 'pino'
import { Committer } from './audit/commitment.ts'
import { AuditLog } from './audit/log.ts'
import type { Loaded } from './config/load.ts'
import { durationMs } from './config/schema.ts'
import { waitingForStart } from './config/start-only.ts'
import { watchConfig } from './config/watch.ts'
import { agentApi } from './control/agent-api.ts'
import { refusalAnswer } from './control/http-errors.ts'
import { operatorApi } from './control/operator-api.ts'
import { staticBroker } from './credentials/brokers/static.ts'
import { Leases } from './credentials/leases.ts'
import { References } from './credentials/resolve.ts'
import { Secrets } from './credentials/secrets.ts'
import { createScanner } from './firewall/scanner.ts'
import type { Snapshot, Stop } from './gateway/data-plane.ts'
import { DataPlane } from './gateway/data-plane.ts'
import { explainCall } from './gateway/explain.ts'
import { Fleet } from './gateway/fleet/fleet.ts'
import { ownerMethods } from './gateway/fleet/owner-methods.ts'
import { followOthers } from './gateway/follow.ts'
import type { Route } from './gateway/front.ts'
import { front } from './gateway/front.ts'
import { hostGuard } from './gateway/guard.ts'
import { honoRoute } from './gateway/hono-route.ts'
import { addressOf, closeNow, closeServer, freePort, listen } from './gateway/listen.ts'
import { Owner } from './gateway/owner.ts'
import { replayLog } from './gateway/replay-log.ts'
import { Budgets } from './grants/budgets.ts'
import { Tasks } from './grants/tasks.ts'
import { Agents } from './identity/agents.ts'
import { authorizationServer } from './identity/authorization-server/index.ts'
import { Enrolment } from './identity/enrolment.ts'
import { Instances } from './identity/instances.ts'
import { ReplayWindow } from './identity/replay.ts'
import { Tokens } from './identity/tokens.ts'
import { systemClock } from './lib/clock.ts'
import { privateKey, readPrivateFile, writePrivateFile } from './lib/private-file.ts'
import { listenPrivately, privatePath } from './lib/private-socket.ts'
import { sealer } from './lib/sealed-token.ts'
import { reason } from './model/reasons.ts'
import { refuse } from './model/refusal.ts'
import { Locks } from './oversight/locks.ts'
import { RateLimit } from './oversight/rate-limit.ts'
import { Registry } from './registry/tools.ts'
import { plainView } from './registry/views.ts'
import type { Bus } from './store/bus.ts'
import { lockFolder } from './store/folder-lock.ts'
import { localBus } from './store/local-bus.ts'
import { openPostgres } from './store/postgres.ts'
import { postgresBus } from './store/postgres-bus.ts'
import { openSqlite } from './store/sqlite.ts'
import type { Store } from './store/store.ts'

export const VERSION = '0.1.0'

/** A running gateway. */
export interface Gateway extends AsyncDisposable {
  /** Base address, also the issuer of tokens. */
  readonly url: string
  readonly dataDir: string
  /** Where the command line reaches the operators' interface. */
  readonly controlSocket: string
  /** Resolves when an operator asked the gateway to stop. */
  readonly stopped: Promise<void>
}

/**
 * Composes and starts a gateway: the only place that knows every concrete class.
 * @throws FolderLocked, StoreUnavailable, LogDamaged, ConfigInvalid, each with the next step for a person
 */
export async function startGateway(loaded: Loaded, logger: Logger): Promise<Gateway> {
  await using stack = new AsyncDisposableStack()
  const { dataDir } = loaded
  stack.use(lockFolder(dataDir))
  let now = loaded
  const clock = systemClock()
  const onBug = (error: unknown) => {
    // A client that went away in the middle of its request; anyone can make these without end.
    if ((error as NodeJS.ErrnoException).code === 'ECONNRESET') logger.debug({ err: error }, 'a client left')
    else logger.error({ err: error }, 'a request failed on our side')
  }
  const operator = userInfo().username

  const log = await AuditLog.open({
    dir: dataDir,
    origin: logName(dataDir),
    clock,
    queueLimit: loaded.config.limits.queue,
    onHealth: (problem) => (problem ? logger.error(problem) : logger.warn('the log can be written again')),
  })
  stack.defer(() => log.close())
  const opening = await openers(loaded)
  const store = stack.use(await opening.store())
  const fleet = new Fleet({
    size: loaded.config.workers,
    program: join(import.meta.dirname, 'worker.ts'),
    state: () => ({
      snapshot: snapshotOf(now),
      locks: locks.view.list(),
      tools: Map.groupBy(registry.all().map(plainView), (view) => view.server),
      secrets: leases.knownSecrets(),
    }),
    onProblem: (problem) => logger.error(problem),
  })
  const bus = stack.use(await opening.bus())
  fleet.follow(bus)
  const isFleet = loaded.config.workers > 1

  const tokens = new Tokens({ store, clock })
  const budgets = new Budgets(store)
  const locks = new Locks({ store, recorder: log, bus, clock })
  const registry = new Registry({ store, recorder: log, bus, clock })
  const secrets = new Secrets({ store, recorder: log, clock, kek: privateKey(join(dataDir, 'keys', 'kek')) })
  const references = new References({ dir: loaded.dir, env: process.env, secrets })
  const leases = new Leases({
    store,
    recorder: log,
    clock,
    broker: staticBroker(references),
    serverConfig: (name) => now.config.servers[name],
    onOpened: () => fleet.update({ secrets: leases.knownSecrets() }),
  })
  const plane = stack.use(
    new DataPlane(
      {
        clock,
        env: process.env,
        views: () => registry.all(),
        onServerOutput: (server, text) =>
          logger.debug({ server, text }, 'a server wrote to its error output'),
        onProblem: (problem, error) => logger.error({ err: error }, problem),
        onBug,
      },
      snapshotOf(loaded),
    ),
  )
  /** Ends it here and in every worker. */
  const stop = async (what: Stop): Promise<void> => {
    plane.stop(what)
    await fleet.stop(what)
  }
  const tasks = new Tasks({
    store,
    recorder: log,
    bus,
    clock,
    templates: () => now.config.tasks,
    async onEnd(task, end) {
      tokens.drop({ task: task.id })
      await stop({ task: task.id, end })
      await leases.close(task.id)
    },
  })
  const gatewayActor = { kind: 'gateway' } as const
  const instances = new Instances({
    store,
    recorder: log,
    bus,
    clock,
    async onRevoked(instance) {
      await tokens.revoke({ instance })
      await stop({ instance })
      await tasks.closeWhere((task) => task.instance === instance, 'revoked', gatewayActor)
    },
  })
  const agents = new Agents({
    store,
    recorder: log,
    bus,
    clock,
    async onStopped(agent) {
      await tokens.revoke({ agent })
      await tasks.closeWhere((task) => task.agent === agent, 'revoked', gatewayActor)
    },
  })
  const enrolment = new Enrolment({ store, recorder: log, clock })
  const replay = new ReplayWindow(2 * durationMs(loaded.config.tokens.proof_window) + 60_000)

  followOthers({
    bus,
    agents,
    tokens,
    tasks,
    locks,
    async stop(what) {
      if ('locks' in what) await fleet.update(what)
      await stop(what)
    },
  })
  await Promise.all([locks.load(), registry.load(), tasks.load()])
  await replayLog(log, replay, budgets, clock.now())
  await leases.recover()
  await registry.configure(now.config.servers)
  await plane.configure(snapshotOf(now))
  // Policies that cannot be used are told now, not at the first call.
  plane.engine()
  bus.subscribe(
    ({ topic }) => {
      if (topic === 'registry') plane.registryChanged()
    },
    async () => plane.registryChanged(),
  )

  const routes: Route[] = []
  const { origins } = loaded.config.listen
  const hosts = [...loaded.config.listen.hosts, hostOf(loaded)]
  const server = front({ routes, guard: hostGuard({ hosts, origins }), onBug })
  // Workers listen for clients; what only the owner serves they hand on to it.
  const ownerSocket = privatePath(dataDir, 'owner')
  const publicly = isFleet ? await freePort(loaded.config.listen) : loaded.config.listen
  const address = isFleet ? addressOf(publicly) : await listen(server, publicly)
  if (isFleet) await listenPrivately(server, ownerSocket)
  stack.defer(() => closeServer(server, plane.inFlight))
  const issuer = loaded.config.listen.url?.replace(/\/$/, '') ?? address
  const owner = new Owner({
    log,
    committer: new Committer(join(dataDir, 'keys', 'commitment.key')),
    bus,
    clock,
    tokens,
    replay,
    tasks,
    budgets,
    locks,
    registry,
    leases,
  })
  const sealKey = privateKey(join(dataDir, 'keys', 'sessions.key'))
  const mcp = plane.route({
    issuer,
    logOrigin: log.origin,
    authority: owner,
    scanner: createScanner({ secrets: () => leases.knownSecrets() }),
    sealer: sealer(sealKey),
  })
  const proofWindowMs = durationMs(loaded.config.tokens.proof_window)
  const useOnce = (key: string) => replay.use(key)
  const oauth = authorizationServer({
    issuer,
    clock,
    recorder: log,
    tokens,
    instances,
    enrolment,
    tokenLifetimeMs: durationMs(loaded.config.tokens.lifetime),
    proofWindowMs,
    useOnce,
    taskOf: async (id) => {
      const live = tasks.live(id)
      return live && { instance: live.task.instance, expiresAt: live.task.expiresAt }
    },
    onBug,
  })
  const agentRoutes = agentApi({
    issuer,
    clock,
    windowMs: proofWindowMs,
    tasks,
    locks: locks.view,
    recorder: log,
    resolveToken: (hash) => tokens.resolve(hash),
    useOnce,
    onBug,
  })
  const enforceLocks = () => stop({ locks: locks.view.list() })
  let applying: Promise<void> = Promise.resolve()
  /** One change at a time; the watcher and a reload by hand often bring the same one. */
  const apply = (next: Loaded): Promise<void> => {
    applying = applying.catch(() => {}).then(() => swap(next))
    return applying
  }
  const swap = async (next: Loaded) => {
    if (next.digest === now.digest) return
    now = next
    await registry.configure(next.config.servers)
    for (const name of Object.keys(next.config.servers)) leases.refresh(name)
    await plane.configure(snapshotOf(next))
    plane.engine()
    await fleet.update({ snapshot: snapshotOf(next) })
    const waiting = waitingForStart(loaded.config, next.config)
    if (waiting.length > 0) logger.warn(`${waiting.join(', ')}: taken into use at the next start`)
    await log.append({ type: 'config.loaded', actor: gatewayActor, data: { digest: next.digest } })
    void meetAll().catch(onBug)
  }
  const meetAll = async (only?: string) => {
    const problems = await plane.meet(only)
    for (const { server, problem } of problems) logger.warn({ server }, problem)
    return problems
  }
  const stopping = Promise.withResolvers<void>()
  const control = operatorApi({
    operator,
    issuer,
    clock,
    agents,
    enrolment,
    instances,
    registry,
    tasks,
    locks,
    log,
    secrets,
    enforceLocks,
    refresh: (server) => meetAll(server),
    async reload() {
      const next = now.reload()
      await apply(next)
      return { digest: next.digest, waiting_for_start: waitingForStart(loaded.config, next.config) }
    },
    shutdown: () => stopping.resolve(),
    status: async () => ({
      version: VERSION,
      url: issuer,
      pid: process.pid,
      data: dataDir,
      config: { path: now.path, digest: now.digest },
      log: { origin: log.origin, size: log.size, vkey: log.vkey },
      open: { tasks: (await tasks.list({ open: true })).length, calls: plane.inFlight.size + fleet.calls },
      locks: locks.view.list().length,
      policies: {
        dormant: plane.engine().dormant.map((policy) => policy.id),
        warnings: plane.engine().warnings,
      },
      servers: plane.servers.all().map((server) => ({ name: server.name, met: server.met === true })),
    }),
    async explain(call) {
      const agent = await agents.require(call.agent)
      const template = now.config.tasks[call.template]
      if (!template) {
        const known = Object.keys(now.config.tasks).join(', ') || 'none'
        refuse('TASK_TEMPLATE_UNKNOWN', { template: call.template, agent: call.agent, known })
      }
      return explainCall({
        agent,
        templateName: call.template,
        template,
        tool: call.tool,
        args: call.args,
        placement: plane.placement,
        engine: plane.engine(),
        views: (server) => registry.view(server),
      })
    },
    onBug,
  })

  /** Agents get nothing, not even a token, while it is not known what was revoked. */
  const whileAlive =
    ({ fetch }: Pick<Hono, 'fetch'>) =>
    (request: Request) =>
      bus.alive() ? fetch(request) : refusalAnswer(reason('LOCKS_STALE'))
  routes.push(
    mcp,
    honoRoute(whileAlive(oauth), ['/oauth/', '/.well-known/', '/v1/enrol', '/v1/keys']),
    honoRoute(whileAlive(agentRoutes), ['/v1/tasks']),
  )
  const controlSocket = privatePath(dataDir, 'control')
  const controlServer = createServer(getRequestListener(control.fetch, { overrideGlobalObjects: false }))
  await listenPrivately(controlServer, controlSocket)
  stack.defer(() => closeNow(controlServer))

  const upkeep = setInterval(() => {
    Promise.all([tasks.expireDue(), tokens.sweep(), budgets.flush(log.size)]).catch(onBug)
  }, 1000)
  stack.defer(() => clearInterval(upkeep))
  stack.use(
    watchConfig(loaded, (reload) => {
      if ('ok' in reload) apply(reload.ok).catch(onBug)
      else {
        logger.error(reload.error.message)
        log
          .append({
            type: 'config.refused',
            actor: gatewayActor,
            data: { problems: reload.error.problems.length },
          })
          .catch(onBug)
      }
    }),
  )
  if (isFleet) {
    stack.use(fleet)
    await fleet.start(
      { issuer, logOrigin: log.origin, sealKey, listen: publicly, hosts, origins, ownerSocket },
      ownerMethods(owner, {
        rate: new RateLimit(loaded.config.limits.rate),
        onProblem: (problem) => logger.error(problem),
      }),
    )
  }
  await log.append({
    type: 'gateway.started',
    actor: gatewayActor,
    data: { version: VERSION, config: now.digest, host: hostname() },
  })
  stack.defer(async () => {
    await budgets.flush(log.size).catch(onBug)
    await log.append({ type: 'gateway.stopped', actor: gatewayActor, data: {} }).catch(onBug)
  })
  void meetAll().catch(onBug)

  const running = stack.move()
  return {
    url: issuer,
    dataDir,
    controlSocket,
    stopped: stopping.promise,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** The store, and the bus that reaches every gateway on it. */
async function openers(loaded: Loaded): Promise<{ store(): Promise<Store>; bus(): Promise<Bus> }> {
  const { config, dataDir, dir } = loaded
  if (config.store.kind === 'sqlite') {
    const path = join(dataDir, 'state.sqlite')
    return { store: () => openSqlite({ path }), bus: async () => localBus() }
  }
  const noSecrets = {
    open: () => refuse('CREDENTIAL_UNAVAILABLE', { server: 'store', detail: 'use {env} or {file}' }),
  }
  const references = new References({ dir, env: process.env, secrets: noSecrets })
  const url = (await references.resolve('store', config.store.url)).reveal()
  return { store: () => openPostgres({ url }), bus: () => postgresBus({ url }) }
}

/** The log's name for ever: drawn once, so that two gateways never share one. */
function logName(dataDir: string): string {
  const path = join(dataDir, 'log-name')
  const name = readPrivateFile(path)?.toString('utf8').trim()
  if (name) return name
  const drawn = `ostiary.local/${randomBytes(8).toString('hex')}`
  writePrivateFile(path, Buffer.from(`${drawn}\n`))
  return drawn
}

const hostOf = ({ config }: Loaded): string =>
  config.listen.url ? new URL(config.listen.url).hostname : config.listen.host

const snapshotOf = ({ config, path, policies }: Loaded): Snapshot => ({ config, path, policies })
