import { randomBytes } from 'node:crypto'
import { hostname, userInfo } from 'node:os'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { Committer } from './audit/commitment.ts'
import { AuditLog } from './audit/log.ts'
import type { Loaded } from './config/load.ts'
import { durationMs } from './config/schema.ts'
import { watchConfig } from './config/watch.ts'
import { agentApi } from './control/agent-api.ts'
import { operatorApi } from './control/operator-api.ts'
import { listenPrivately } from './control/socket.ts'
import { staticBroker } from './credentials/brokers/static.ts'
import { Leases } from './credentials/leases.ts'
import { References } from './credentials/resolve.ts'
import { Secrets } from './credentials/secrets.ts'
import { createScanner } from './firewall/scanner.ts'
import { explainCall } from './gateway/explain.ts'
import type { Route } from './gateway/front.ts'
import { front } from './gateway/front.ts'
import { hostGuard } from './gateway/guard.ts'
import { honoRoute } from './gateway/hono-route.ts'
import { InFlight } from './gateway/in-flight.ts'
import { closeServer, listen } from './gateway/listen.ts'
import type { McpParts } from './gateway/mcp.ts'
import { connectUpstream, mcpContext, mcpRoute, meetAgain } from './gateway/mcp.ts'
import { Owner } from './gateway/owner.ts'
import { replayLog } from './gateway/replay-log.ts'
import { Servers } from './gateway/servers.ts'
import { Budgets } from './grants/budgets.ts'
import { PolicyEngine } from './grants/policy/policy.ts'
import { Tasks } from './grants/tasks.ts'
import { Agents } from './identity/agents.ts'
import { authorizationServer } from './identity/authorization-server/index.ts'
import { Enrolment } from './identity/enrolment.ts'
import { Instances } from './identity/instances.ts'
import { ReplayWindow } from './identity/replay.ts'
import { Tokens } from './identity/tokens.ts'
import { systemClock } from './lib/clock.ts'
import { privateKey, readPrivateFile, writePrivateFile } from './lib/private-file.ts'
import { sealer } from './lib/sealed-token.ts'
import { sentence } from './model/reasons.ts'
import { Refusal, refuse } from './model/refusal.ts'
import { Locks } from './oversight/locks.ts'
import { Registry } from './registry/tools.ts'
import { placement } from './segments/segments.ts'
import type { Bus } from './store/bus.ts'
import { lockFolder } from './store/folder-lock.ts'
import { localBus } from './store/local-bus.ts'
import { openPostgres } from './store/postgres.ts'
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
  const onBug = (error: unknown) => logger.error({ err: error }, 'a request failed on our side')
  const operator = userInfo().username

  const log = await AuditLog.open({
    dir: dataDir,
    origin: logName(dataDir),
    clock,
    queueLimit: loaded.config.limits.queue,
    onHealth: (problem) => (problem ? logger.error(problem) : logger.warn('the log can be written again')),
  })
  stack.defer(() => log.close())
  const store = stack.use(await openStore(loaded))
  const bus: Bus = stack.use(localBus())

  const inFlight = new InFlight()
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
  })
  const servers = stack.use(
    new Servers((name, config) =>
      connectUpstream(config, {
        maxMessage: now.config.limits.message,
        base: loaded.path,
        env: process.env,
        onStderr: (text) => logger.debug({ server: name, text }, 'a server wrote to its error output'),
      }),
    ),
  )
  const tasks = new Tasks({
    store,
    recorder: log,
    bus,
    clock,
    templates: () => now.config.tasks,
    async onEnd(task, end) {
      tokens.drop({ task: task.id })
      inFlight.stopTask(task.id, end)
      for (const server of servers.all()) server.upstream.stop(task.id)
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
      inFlight.stopInstance(instance)
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

  await Promise.all([locks.load(), registry.load(), tasks.load()])
  await replayLog(log, replay, budgets, clock.now())
  await leases.recover()
  await registry.configure(now.config.servers)
  await servers.configure(now.config.servers)

  let engine = policyEngine(now, registry)
  const rebuildPolicies = () => {
    try {
      const next = policyEngine(now, registry)
      engine.dispose()
      engine = next
    } catch (error) {
      // The old policies stay in force; a call the new registry allows is denied until they fit.
      logger.error({ err: error }, 'the policies do not fit the registry')
    }
  }
  let rebuilding = false
  bus.subscribe(
    (event) => {
      if (event.topic !== 'registry' || rebuilding) return
      // Approving many tools is one change.
      rebuilding = true
      setImmediate(() => {
        rebuilding = false
        rebuildPolicies()
        for (const server of servers.all()) {
          server.vetted = [...registry.view(server.name).values()].some(
            (view) => view.status === 'approved' && view.seenDigest === view.pinnedDigest,
          )
        }
      })
    },
    async () => {},
  )

  const routes: Route[] = []
  const { hosts, origins } = loaded.config.listen
  const server = front({ routes, guard: hostGuard({ hosts: [...hosts, hostOf(loaded)], origins }), onBug })
  const address = await listen(server, loaded.config.listen)
  stack.defer(() => closeServer(server, inFlight))
  const issuer = loaded.config.listen.url?.replace(/\/$/, '') ?? address
  let places = placement(now.config)
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
  const parts: McpParts = {
    issuer,
    logOrigin: log.origin,
    authority: owner,
    clock,
    servers,
    scanner: createScanner({ secrets: () => leases.knownSecrets() }),
    sealer: sealer(privateKey(join(dataDir, 'keys', 'sessions.key'))),
    inFlight,
    config: () => now.config,
    placement: () => places,
    engine: () => engine,
    onBug,
  }
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
    resolveToken: (hash) => tokens.resolve(hash),
    useOnce,
    onBug,
  })
  const enforceLocks = async () => {
    const inForce = locks.view.list()
    inFlight.stopLocked(inForce)
    for (const lock of inForce) {
      if (lock.scope === 'global') for (const server of servers.all()) server.upstream.stop()
      if (lock.scope === 'server') servers.get(lock.target)?.upstream.stop()
      if (lock.scope === 'task') for (const server of servers.all()) server.upstream.stop(lock.target)
    }
  }
  let applying: Promise<void> = Promise.resolve()
  /** One change at a time; the watcher and a reload by hand often bring the same one. */
  const apply = (next: Loaded): Promise<void> => {
    applying = applying.catch(() => {}).then(() => swap(next))
    return applying
  }
  const swap = async (next: Loaded) => {
    if (next.digest === now.digest) return
    now = next
    places = placement(next.config)
    rebuildPolicies()
    await registry.configure(next.config.servers)
    await servers.configure(next.config.servers)
    for (const name of Object.keys(next.config.servers)) leases.refresh(name)
    await log.append({ type: 'config.loaded', actor: gatewayActor, data: { digest: next.digest } })
    void meetAll()
  }
  const meetAll = async (only?: string) => {
    const problems: { server: string; problem: string }[] = []
    await Promise.all(
      servers.all().map(async (server) => {
        if (only !== undefined && server.name !== only) return
        try {
          await meetAgain(parts, server)
        } catch (error) {
          if (!(error instanceof Refusal)) throw error
          problems.push({ server: server.name, problem: sentence(error.reason) })
          logger.warn({ server: server.name }, sentence(error.reason))
        }
      }),
    )
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
      return { digest: next.digest }
    },
    shutdown: () => stopping.resolve(),
    status: async () => ({
      version: VERSION,
      url: issuer,
      pid: process.pid,
      data: dataDir,
      config: { path: now.path, digest: now.digest },
      log: { origin: log.origin, size: log.size, vkey: log.vkey },
      open: { tasks: (await tasks.list({ open: true })).length, calls: inFlight.size },
      locks: locks.view.list().length,
      policies: { dormant: engine.dormant.map((policy) => policy.id) },
      servers: servers.all().map((server) => ({ name: server.name, met: server.met === true })),
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
        placement: places,
        engine,
        views: (server) => registry.view(server),
      })
    },
    onBug,
  })

  routes.push(
    mcpRoute(mcpContext(parts)),
    honoRoute(oauth.fetch, ['/oauth/', '/.well-known/', '/v1/enrol', '/v1/keys']),
    honoRoute(agentRoutes.fetch, ['/v1/tasks']),
  )
  const socket = await listenPrivately(dataDir, control.fetch)
  stack.use(socket)

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
    controlSocket: socket.path,
    stopped: stopping.promise,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

async function openStore({ config, dataDir, dir }: Loaded): Promise<Store> {
  if (config.store.kind === 'sqlite') return await openSqlite({ path: join(dataDir, 'state.sqlite') })
  const noSecrets = {
    open: () => refuse('CREDENTIAL_UNAVAILABLE', { server: 'store', detail: 'use {env} or {file}' }),
  }
  const url = await new References({ dir, env: process.env, secrets: noSecrets }).resolve(
    'store',
    config.store.url,
  )
  return await openPostgres({ url: url.reveal() })
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

const policyEngine = (loaded: Loaded, registry: Registry): PolicyEngine =>
  new PolicyEngine({
    files: loaded.policies,
    // What is not approved cannot be called, so policies about it sleep until it is.
    tools: registry
      .all()
      .flatMap(({ server, kind, name, pinned }) =>
        pinned ? [{ server, kind, name, inputSchema: pinned.inputSchema }] : [],
      ),
  })
