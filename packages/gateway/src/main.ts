import { createServer } from 'node:http'
import { hostname, userInfo } from 'node:os'
import { join } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import type { Logger } from 'pino'
import { Committer } from './audit/commitment.ts'
import type { Loaded } from './config/load.ts'
import { durationMs } from './config/schema.ts'
import { waitingForStart } from './config/start-only.ts'
import { watchConfig } from './config/watch.ts'
import { agentApi } from './control/agent-api.ts'
import { refusalAnswer } from './control/http-errors.ts'
import { logFileRoutes } from './control/log-files.ts'
import type { OperatorApiDeps } from './control/operator-api.ts'
import { operatorApi } from './control/operator-api.ts'
import { PUBLIC_PREFIX } from './control/permissions.ts'
import { readKek } from './credentials/kek.ts'
import { withoutSecrets } from './credentials/known.ts'
import { createScanner } from './firewall/scanner.ts'
import { taskMarks } from './firewall/task-marks.ts'
import { cosignatureWait } from './gateway/cosigned-before.ts'
import type { Snapshot } from './gateway/data-plane.ts'
import { DataPlane } from './gateway/data-plane.ts'
import { explainCall } from './gateway/explain.ts'
import { Fleet } from './gateway/fleet/fleet.ts'
import { ownerMethods } from './gateway/fleet/owner-methods.ts'
import type { Route } from './gateway/front.ts'
import { front } from './gateway/front.ts'
import { hostGuard } from './gateway/guard.ts'
import { honoRoute } from './gateway/hono-route.ts'
import { addressOf, closeNow, closeServer, freePort, listen } from './gateway/listen.ts'
import { LogKeeping } from './gateway/log-keeping.ts'
import { Observation } from './gateway/observation.ts'
import { openStore } from './gateway/open-store.ts'
import { Owner } from './gateway/owner.ts'
import { peopleOf } from './gateway/people.ts'
import { diffPolicies } from './gateway/policy-diff.ts'
import { probeRoute } from './gateway/probes.ts'
import type { RoomDeps } from './gateway/rooms.ts'
import { furnish, openRooms, personSignals, retryLeases } from './gateway/rooms.ts'
import { readTls } from './gateway/tls.ts'
import { openableBy } from './grants/templates.ts'
import { authorizationServer, combined } from './identity/authorization-server/index.ts'
import { federation } from './identity/federation/index.ts'
import { interactive } from './identity/interactive/index.ts'
import type { OperatorSession } from './identity/operators/operators.ts'
import { assertOwnPage } from './identity/operators/sign-in.ts'
import { outward } from './identity/outward/index.ts'
import { verifySignedRequest } from './identity/requests.ts'
import { signals } from './identity/signals/index.ts'
import { systemClock } from './lib/clock.ts'
import { privateKey } from './lib/private-file.ts'
import { listenPrivately, privatePath } from './lib/private-socket.ts'
import { sealer } from './lib/sealed-token.ts'
import { reason } from './model/reasons.ts'
import { refuse } from './model/refusal.ts'
import { RateLimit } from './oversight/rate-limit.ts'
import { plainView } from './registry/views.ts'
import { lockFolder } from './store/folder-lock.ts'

export const VERSION = '0.1.0'

const HOUR_MS = 3_600_000
/** For how long one key signs what goes outside. */
const SIGNING_KEY_MS = 30 * 24 * HOUR_MS

const gatewayActor = { kind: 'gateway' } as const

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

  const keeping = stack.use(await LogKeeping.open({ loaded, clock, logger, version: VERSION }))
  const { log } = keeping
  const { store, bus } = await openStore(loaded, stack)
  const fleet = new Fleet({
    size: loaded.config.workers,
    program: join(import.meta.dirname, 'worker.ts'),
    state: () => ({
      snapshot: snapshotOf(now),
      locks: rooms.locks.view.list(),
      tools: Map.groupBy(rooms.registry.all().map(plainView), (view) => view.server),
      secrets: rooms.leases.knownSecrets(),
    }),
    onProblem: (problem) => logger.error(problem),
  })
  fleet.follow(bus)
  const isFleet = loaded.config.workers > 1
  const plane = stack.use(
    new DataPlane(
      {
        clock,
        env: process.env,
        views: () => rooms.registry.all(),
        onServerOutput: (server, text) =>
          logger.debug(
            { server, text: withoutSecrets(text, rooms.leases.knownSecrets()) },
            'a server wrote to its error output',
          ),
        // What runs when the gateway stops ends with it.
        onProcess: (event) => void log.append(event).catch(() => {}),
        onProblem: (problem, error) => logger.error({ err: error }, problem),
        onBug,
      },
      snapshotOf(loaded),
    ),
  )
  const deps: RoomDeps = {
    log,
    store,
    bus,
    clock,
    config: () => now,
    async stop(what) {
      plane.stop(what)
      if ('locks' in what) await fleet.update(what)
      await fleet.stop(what)
    },
    issuer: () => issuer,
    kek: await readKek(loaded.config.keys.kek, { dataDir, env: process.env }),
    onAlarm: (problem) => logger.error(problem),
    onSecrets: () => fleet.update({ secrets: rooms.leases.knownSecrets() }),
  }
  const rooms = furnish(deps)
  const { tokens, tasks, locks, registry, leases, replay, budgets, agents } = rooms
  await openRooms(rooms, deps)
  await keeping.deliver(loaded, rooms.resolve)
  stack.use(keeping.startMirror(rooms))
  await plane.configure(snapshotOf(now))
  // Policies that cannot be used are told now, not at the first call.
  plane.engine()
  bus.subscribe(
    ({ topic }) => {
      if (topic === 'registry') plane.registryChanged()
    },
    async () => plane.registryChanged(),
  )

  const sealKey = privateKey(join(dataDir, 'keys', 'sessions.key'))
  const observation = stack.use(
    await Observation.open({
      loaded,
      rooms,
      plane,
      fleet,
      key: sealKey,
      version: VERSION,
      onProblem: (problem) => logger.warn(problem),
      onBug,
    }),
  )
  const { readiness } = observation
  keeping.measure(observation.telemetry)
  const routes: Route[] = []
  const { origins } = loaded.config.listen
  const hosts = [...loaded.config.listen.hosts, hostOf(loaded)]
  const tls = await readTls(loaded.config.listen.tls, loaded.dir, rooms.resolve)
  const server = front({
    routes,
    guard: hostGuard({ hosts, origins }),
    onBug,
    ...(isFleet ? { isForWorkers: true } : { tls }),
  })
  // Workers listen for clients; what only the owner serves they hand on to it.
  const ownerSocket = privatePath(dataDir, 'owner')
  const wanted = { ...loaded.config.listen, scheme: tls ? 'https' : 'http' } as const
  const publicly = isFleet ? { ...(await freePort(wanted)), scheme: wanted.scheme } : wanted
  const address = isFleet ? addressOf(publicly) : await listen(server, publicly)
  if (isFleet) await listenPrivately(server, ownerSocket)
  stack.defer(() => closeServer(server, plane.inFlight))
  const issuer = loaded.config.listen.url?.replace(/\/$/, '') ?? address
  const owner = new Owner({
    ...rooms,
    committer: new Committer(join(dataDir, 'keys', 'commitment.key')),
    whyRefuse: () => keeping.whyRefuse(),
    cosigned: cosignatureWait(keeping.witnesses, () => now.config.audit.cosigned_before),
  })
  const mcp = plane.route({
    issuer,
    logOrigin: log.origin,
    authority: owner,
    scanner: createScanner({ secrets: () => leases.knownSecrets() }),
    secrets: () => leases.knownSecrets(),
    sealer: sealer(sealKey),
    marks: taskMarks(sealKey),
    telemetry: observation.telemetry,
  })
  const proofWindowMs = durationMs(loaded.config.tokens.proof_window)
  const useOnce = (key: string) => replay.use(key)
  const people = peopleOf(rooms, loaded, issuer, sealer(sealKey))
  const oauth = authorizationServer(
    {
      ...rooms,
      issuer,
      tokenLifetimeMs: durationMs(loaded.config.tokens.lifetime),
      proofWindowMs,
      useOnce,
      onBug,
    },
    combined(
      signals({
        ...rooms,
        ...personSignals(rooms),
        recorder: log,
        issuer,
        transmitters: () => now.config.signals.receive,
      }),
      outward(rooms.outwardDeps()),
      federation({ keySets: rooms.keySets, dir: loaded.dir, trusts: () => now.config.trust }),
      interactive({
        ...rooms,
        issuer,
        sealer: sealer(sealKey),
        signIn: people,
        now: () => clock.now(),
        templates: (agent) =>
          openableBy(now.config.tasks, agent).map((name) => ({
            name,
            purpose: now.config.tasks[name]?.purpose ?? '',
          })),
      }),
    ),
  )
  const agentRoutes = agentApi({
    issuer,
    clock,
    windowMs: proofWindowMs,
    tasks,
    budgets,
    locks: locks.view,
    recorder: log,
    resolveToken: (hash) => tokens.resolve(hash),
    useOnce,
    async signedRequest(jws, { agentName, instance, template, subject }) {
      const verified = await verifySignedRequest({
        jws,
        wanted: { agentName, instance, template, subject },
        signers: now.config.flow.signers,
        keySets: rooms.keySets,
        issuer,
        now: clock.now(),
        useOnce,
      })
      return { ...verified, signedBy: verified.signer }
    },
    onBug,
  })
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
    for (const name of upstreamsOf(next)) leases.refresh(name)
    await plane.configure(snapshotOf(next))
    plane.engine()
    await fleet.update({ snapshot: snapshotOf(next) })
    await keeping.deliver(next, rooms.resolve)
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
  const told = new Map<string, number>()
  /** Once a day for each. */
  const tellReviews = async () => {
    for (const agent of await agents.needingReview()) {
      if (clock.now() - (told.get(agent.id) ?? -Infinity) < 24 * HOUR_MS) continue
      told.set(agent.id, clock.now())
      const data = { agent: agent.id, name: agent.name, sponsor: agent.sponsor, due: agent.review_due_at }
      await log.append({ type: 'agent.review_due', actor: gatewayActor, data })
      logger.warn(data, 'an agent needs its review, or another sponsor')
    }
  }
  const stopping = Promise.withResolvers<void>()
  const controlDeps: OperatorApiDeps = {
    ...rooms,
    projection: keeping.projection,
    diffPolicies: (files, calls) =>
      diffPolicies({ files, tools: plane.policyTools(), placement: plane.placement }, calls),
    issuer,
    mirror: () => keeping.mirror?.status(),
    async onSecretChanged() {
      for (const name of upstreamsOf(now)) leases.refresh(name)
      await fleet.update({ snapshot: snapshotOf(now) })
    },
    labels: () => now.config.labels,
    sinks: () => keeping.sinks(),
    level: () => keeping.level(),
    enforceLocks: () => deps.stop({ locks: locks.view.list() }),
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
      sinks: keeping.sinks(),
      log: { origin: log.origin, size: log.size, vkey: log.vkey, level: await keeping.level() },
      projection: keeping.projection.state,
      open: { tasks: (await tasks.list({ open: true })).length, calls: plane.inFlight.size + fleet.calls },
      locks: locks.view.list().length,
      reviews: (await agents.needingReview()).map(({ name }) => name),
      leases: {
        not_revoked: await leases.notRevoked(),
      },
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
        isProvider: (server) => Object.hasOwn(now.config.models, server),
      })
    },
    onBug,
  }
  const local: OperatorSession = { name: userInfo().username, roles: [], method: 'socket', operator: '' }
  const control = operatorApi(controlDeps, async () => local)
  const remoteControl = new Hono().route(
    PUBLIC_PREFIX,
    operatorApi(controlDeps, async (c) => {
      if (c.req.method !== 'GET') assertOwnPage(c)
      return await people.sessionOf(c.req.raw)
    }),
  )

  /** Agents get nothing, not even a token, while it is not known what was revoked. */
  const whileAlive =
    ({ fetch }: Pick<Hono, 'fetch'>) =>
    (request: Request) =>
      bus.alive() ? fetch(request) : refusalAnswer(reason('LOCKS_STALE'))
  routes.push(
    probeRoute(() => readiness.missing()),
    mcp,
    honoRoute(whileAlive(oauth), ['/oauth/', '/.well-known/', '/v1/enrol', '/v1/keys', '/ssf/']),
    honoRoute(whileAlive(agentRoutes), ['/v1/tasks']),
    honoRoute(whileAlive(people.routes), ['/operators/']),
    honoRoute(remoteControl.fetch, [`${PUBLIC_PREFIX}/`]),
    honoRoute(logFileRoutes({ log, publish: () => now.config.audit.publish }).fetch, ['/log/']),
  )
  const controlSocket = privatePath(dataDir, 'control')
  const controlServer = createServer(getRequestListener(control.fetch, { overrideGlobalObjects: false }))
  await listenPrivately(controlServer, controlSocket)
  stack.defer(() => closeNow(controlServer))

  const upkeep = setInterval(() => {
    Promise.all([
      tasks.expireDue(),
      tokens.sweep(),
      budgets.flush(log.size),
      retryLeases(rooms),
      rooms.statuses.sweep(),
      rooms.outbox.deliver(),
    ]).catch(onBug)
  }, 1000)
  stack.defer(() => clearInterval(upkeep))
  const keyLifetimeMs = durationMs(loaded.config.tokens.key_lifetime)
  const hourly = () => {
    Promise.all([
      rooms.instances.requireScheduledRotations(keyLifetimeMs),
      rooms.instances.sweep(),
      tellReviews(),
      rooms.operators.sweep(),
      rooms.codes.sweep(),
      rooms.secrets.sweep(),
      rooms.signingKeys.upkeep(SIGNING_KEY_MS),
      rooms.applyRetention(),
    ]).catch(onBug)
  }
  // Also at the start: a gateway that is started anew every day would otherwise do it too seldom, or never.
  hourly()
  const upkeepOfHours = setInterval(hourly, HOUR_MS)
  stack.defer(() => clearInterval(upkeepOfHours))
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
      {
        issuer,
        logOrigin: log.origin,
        sealKey,
        listen: publicly,
        tls,
        hosts,
        origins,
        ownerSocket,
        telemetry: observation.settings,
      },
      ownerMethods(owner, {
        rate: new RateLimit(loaded.config.limits.rate),
        readiness,
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

const hostOf = ({ config }: Loaded): string =>
  config.listen.url ? new URL(config.listen.url).hostname : config.listen.host

/** Whatever a credential can be for. */
const upstreamsOf = ({ config }: Loaded): string[] => [
  ...Object.keys(config.servers),
  ...Object.keys(config.models),
]

const snapshotOf = ({ config, path, policies }: Loaded): Snapshot => ({ config, path, policies })
