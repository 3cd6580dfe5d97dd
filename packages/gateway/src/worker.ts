import { isStdio } from './config/schema.ts'
import { createScanner } from './firewall/scanner.ts'
import { taskMarks } from './firewall/task-marks.ts'
import { DataPlane } from './gateway/data-plane.ts'
import type { Message } from './gateway/fleet/channel.ts'
import { Channel } from './gateway/fleet/channel.ts'
import { forwardRoute } from './gateway/fleet/forward.ts'
import type { FleetConstants, OwnerMethods, WorkerMethods } from './gateway/fleet/protocol.ts'
import { RemoteAuthority } from './gateway/fleet/remote-authority.ts'
import type { Route } from './gateway/front.ts'
import { front } from './gateway/front.ts'
import { hostGuard } from './gateway/guard.ts'
import { closeServer, listen } from './gateway/listen.ts'
import { probeRoute } from './gateway/probes.ts'
import { Readiness } from './gateway/readiness.ts'
import { systemClock } from './lib/clock.ts'
import { sealer } from './lib/sealed-token.ts'
import type { RunningTelemetry } from './trace/start.ts'
import { startTelemetry } from './trace/start.ts'

/**
 * One of several processes that serve connections. It holds only copies and what is open; whatever must be decided once on a machine is
 * asked of the owner, and without the owner it ends.
 */
const clock = systemClock()
const onBug = (error: unknown) =>
  void owner.ask('report', String((error as Error).stack ?? error)).catch(() => {})

let plane: DataPlane | undefined
let telemetry: RunningTelemetry | undefined
let close = async () => {}

const methods: WorkerMethods = {
  async start(constants, state) {
    authority.update(state)
    plane = new DataPlane(
      {
        clock,
        env: {},
        views: () => authority.views(),
        onServerOutput: () => {},
        // Servers that are child processes belong to the owner.
        onProcess: () => {},
        onProblem: (problem, error) => onBug(new Error(problem, { cause: error })),
        onBug,
      },
      state.snapshot,
    )
    await plane.configure(state.snapshot)
    telemetry = await startTelemetry(constants.telemetry, (problem) => onBug(problem))
    const server = front({
      routes: routes(plane, telemetry, constants),
      guard: hostGuard({ hosts: constants.hosts, origins: constants.origins }),
      onBug,
      tls: constants.tls,
    })
    await listen(server, constants.listen)
    const { inFlight } = plane
    close = async () => {
      await closeServer(server, inFlight)
      await telemetry?.[Symbol.asyncDispose]()
    }
  },
  async update(state) {
    authority.update(state)
    if (state.snapshot) await plane?.configure(state.snapshot)
    if (!state.tools) return
    plane?.registryChanged()
    // Another process may have seen other instructions, which are part of what is compared.
    for (const server of state.tools.keys()) plane?.servers.forget(server)
  },
  async event(event) {
    authority.event(event)
  },
  async stop(stop) {
    plane?.stop(stop)
  },
  async beat() {
    authority.beat()
    return plane?.inFlight.size ?? 0
  },
  metrics: async () => (await telemetry?.snapshot()) ?? [],
  async close() {
    await close()
    process.exit(0)
  },
}

const owner = new Channel<OwnerMethods>(
  {
    send: (message) => process.send?.(message),
    onMessage: (listener) => process.on('message', (message: Message) => listener(message)),
  },
  methods,
)
const authority = new RemoteAuthority(owner, clock)

// The owner decides when to stop; a signal from the terminal reaches the whole process group.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
process.on('disconnect', () => process.exit(1))

function routes(own: DataPlane, seen: RunningTelemetry, constants: FleetConstants): Route[] {
  const data = own.route({
    issuer: constants.issuer,
    logOrigin: constants.logOrigin,
    authority,
    scanner: createScanner({ secrets: () => authority.secrets() }),
    secrets: () => authority.secrets(),
    sealer: sealer(Buffer.from(constants.sealKey)),
    marks: taskMarks(Buffer.from(constants.sealKey)),
    telemetry: seen,
  })
  const readiness = new Readiness(async () =>
    authority.alive() ? await owner.ask('missing').catch(() => ['owner' as const]) : ['owner'],
  )
  return [
    probeRoute(() => readiness.missing()),
    { ...data, matches: (path) => data.matches(path) && isHere(own, path) },
    forwardRoute(constants.ownerSocket),
  ]
}

/** Child processes belong to the owner, so what may reach one is served there. */
function isHere({ config }: DataPlane, path: string): boolean {
  if (!path.startsWith('/mcp')) return true
  const name = path.slice('/mcp/'.length)
  const servers = Object.entries(config.servers)
  return name === ''
    ? servers.every(([, server]) => !isStdio(server))
    : servers.some(([own, server]) => own === name && !isStdio(server))
}
