import { dirname } from 'node:path'
import type { Config, ServerConfig } from '../config/schema.ts'
import { durationMs, isStdio } from '../config/schema.ts'
import type { Injection } from '../credentials/injection.ts'
import { OWN_TASK } from '../credentials/leases.ts'
import type { Scanner } from '../firewall/scanner.ts'
import type { TaskMarks } from '../firewall/task-marks.ts'
import type { PolicyEngine } from '../grants/policy/policy.ts'
import { challenge } from '../identity/authenticate.ts'
import type { Clock } from '../lib/clock.ts'
import type { Sealer } from '../lib/sealed-token.ts'
import { status } from '../model/reasons.ts'
import { RateLimit } from '../oversight/rate-limit.ts'
import type { Placement } from '../segments/segments.ts'
import type { Telemetry } from '../trace/telemetry.ts'
import type { Authority } from './authority.ts'
import { blockedEvent, deniedEvent, outcomeEvent, plain } from './call-events.ts'
import { destinationOf } from './destination.ts'
import { endedCall } from './ended-call.ts'
import type { Exchange, Facts } from './exchange.ts'
import type { Route } from './front.ts'
import type { InFlight } from './in-flight.ts'
import type { Pipeline } from './pipeline.ts'
import { pipeline } from './pipeline.ts'
import type { Server, Servers } from './servers.ts'
import { approveStage } from './stages/approve.ts'
import { authenticateStage } from './stages/authenticate.ts'
import { budgetStage } from './stages/budget.ts'
import { credentialStage } from './stages/credential.ts'
import { flowStage } from './stages/flow.ts'
import { grantStage } from './stages/grant.ts'
import { inspectStage } from './stages/inspect.ts'
import { locksStage } from './stages/locks.ts'
import { policyStage } from './stages/policy.ts'
import { receiveStage } from './stages/receive.ts'
import { recordStage } from './stages/record.ts'
import { segmentStage } from './stages/segment.ts'
import { taskStage } from './stages/task.ts'
import { toolStage } from './stages/tool.ts'
import { transformedEvent } from './transformed.ts'
import { AggregateEndpoint } from './transports/mcp/aggregate-endpoint.ts'
import type { McpContext } from './transports/mcp/context.ts'
import { McpEndpoint } from './transports/mcp/endpoint.ts'
import { introduce } from './transports/mcp/introduce.ts'
import type { Upstream } from './transports/mcp/upstream.ts'
import { httpUpstream } from './transports/mcp/upstream-http.ts'
import type { RunEvents } from './transports/mcp/upstream-stdio.ts'
import { stdioUpstream } from './transports/mcp/upstream-stdio.ts'

/** What the MCP side of one worker is made of. `config`, `placement` and `engine` give the present snapshot. */
export interface McpParts {
  readonly issuer: string
  readonly logOrigin: string
  readonly authority: Authority
  readonly clock: Clock
  readonly servers: Servers
  readonly scanner: Scanner
  readonly sealer: Sealer
  marks(txn: string): TaskMarks
  readonly telemetry: Telemetry
  readonly inFlight: InFlight
  config(): Config
  placement(): Placement
  engine(): PolicyEngine
  onBug(error: unknown): void
}

/** The stages, in order. The compiler checks that each finds the facts it needs. */
export function mcpPipeline(p: McpParts): Pipeline {
  return pipeline(
    [
      authenticateStage({
        authority: p.authority,
        clock: p.clock,
        windowMs: durationMs(p.config().tokens.proof_window),
        isPlainAllowed: p.config().tokens.plain_proofs,
      }),
      receiveStage,
      locksStage(p.authority),
      taskStage(p.authority),
      segmentStage(p.placement),
      toolStage(p.authority),
      grantStage,
      budgetStage(new RateLimit(p.config().limits.rate)),
      inspectStage(p.scanner, () => p.config().firewall.rules),
      flowStage(p.authority),
      policyStage(p.engine),
      approveStage(p.authority),
      recordStage(p.authority, {
        keepsArguments: () => keepsArguments(p.config()),
        destination: (server) => destinationOf(p.config(), server),
      }),
      credentialStage(p.authority),
    ],
    p.onBug,
    p.telemetry.onStage,
  )
}

export function mcpContext(p: McpParts): McpContext {
  const anonymous = new RateLimit(10)
  return {
    issuer: p.issuer,
    logOrigin: p.logOrigin,
    authority: p.authority,
    pipeline: mcpPipeline(p),
    servers: p.servers,
    scanner: p.scanner,
    sealer: p.sealer,
    rules: () => p.config().firewall.rules,
    keepsResults: () => p.config().audit.content === 'arguments-and-results',
    marks: p.marks,
    inFlight: p.inFlight,
    sampler: p.telemetry.sampler,
    introduced: (server) => introduced(p, server),
    limits() {
      const { body, body_timeout, in_flight } = p.config().limits
      return { body, bodyTimeoutMs: durationMs(body_timeout), inFlight: in_flight }
    },
    timeoutMs: (server) => durationMs(server.config.timeout),
    reverifyMs: (server) => durationMs(server.config.reverify),
    outcome(exchange, outcome) {
      const facts = exchange.facts as Facts
      watched(p, exchange, { ...outcome, record: facts.intent })
      p.authority
        .settle({
          event: outcomeEvent(exchange, outcome),
          grant: facts.grant.id,
          bytes: outcome.bytes,
        })
        .catch(p.onBug)
    },
    async transformed(exchange, originals) {
      await p.authority.record(transformedEvent(exchange, originals))
    },
    blocked(exchange, why, what) {
      p.authority.record(blockedEvent(exchange, why, what)).catch(p.onBug)
    },
    denials: {
      async record(exchange, why, stage) {
        // A stranger can make denials without end; what is known of each is little, so only some are kept.
        const isKept = exchange.facts.principal !== undefined || anonymous.take('') === 0
        const event = deniedEvent(exchange, why, stage, keepsArguments(p.config()))
        // It is denied all the same when the log does not take it.
        const record = isKept ? await p.authority.record(event).catch(() => undefined) : undefined
        watched(p, exchange, { result: 'denied', code: why.code, stage, record })
        return record
      },
      unread(why, server) {
        p.telemetry.onUnread?.(why.code)
        if (anonymous.take('') > 0) return
        p.authority
          .record({
            type: 'call.denied',
            actor: { kind: 'gateway' },
            data: { server: plain(server) ?? '?', code: why.code, stage: 'receive' },
          })
          .catch(() => {})
      },
    },
    challengeFor(why, path) {
      return status(why) === 401
        ? {
            'www-authenticate': challenge(why, {
              resourceMetadataUrl: `${p.issuer}/.well-known/oauth-protected-resource${path}`,
            }),
          }
        : {}
    },
    onBug: p.onBug,
  }
}

const keepsArguments = ({ audit }: Config): boolean => audit.content !== 'none'

function watched(
  { telemetry, config }: McpParts,
  exchange: Exchange,
  end: Omit<Parameters<typeof endedCall>[1], 'destination'>,
): void {
  if (!telemetry.watch) return
  const destination = destinationOf(config(), exchange.facts.action?.server ?? '')
  telemetry.watch(endedCall(exchange, { ...end, destination }))
}

/** Meets a server once; whoever comes meanwhile waits for the same meeting, and a failed one is tried again by the next. */
function introduced(p: McpParts, server: Server): void | Promise<void> {
  if (server.met === true) return undefined
  if (server.met !== undefined) return server.met
  const meeting = meet(p, server).then(
    () => {
      if (server.met === meeting) server.met = true
    },
    (error: unknown) => {
      if (server.met === meeting) server.met = undefined
      throw error
    },
  )
  server.met = meeting
  return meeting
}

async function meet(p: McpParts, server: Server): Promise<void> {
  const injection = await p.authority.injection(server.name, OWN_TASK)
  const timeout = AbortSignal.timeout(durationMs(server.config.timeout))
  const { instructions, tools, prompts } = await introduce(server, injection, timeout).finally(() =>
    p.authority.release(server.name, OWN_TASK).catch(p.onBug),
  )
  server.instructions = instructions
  await p.authority.observe(server.name, { instructions, kind: 'tool', definitions: tools })
  const views = await p.authority.observe(server.name, { instructions, kind: 'prompt', definitions: prompts })
  server.vetted = [...views.values()].some(
    (view) => view.status === 'approved' && view.seenDigest === view.pinnedDigest,
  )
}

/** Asks a server again, e.g. for `ostiary tool refresh`. @throws Refusal */
export async function meetAgain(p: McpParts, server: Server): Promise<void> {
  // Two meetings at once would share, and one of them stop, the child process of a stdio server.
  while (server.met instanceof Promise) await server.met.catch(() => {})
  server.met = undefined
  await introduced(p, server)
}

/** `/mcp` and `/mcp/{server}`. */
export function mcpRoute(context: McpContext): Route {
  const endpoint = new McpEndpoint(context)
  const aggregate = new AggregateEndpoint(context, endpoint)
  return {
    matches: (path) => path === '/mcp' || path.startsWith('/mcp/'),
    handle: (req, res, path) =>
      path === '/mcp' ? aggregate.handle(req, res) : endpoint.handle(req, res, path.slice(5)),
  }
}

/** How a configured server is reached. `base` is the configuration file, against which paths are resolved. */
export function connectUpstream(
  config: ServerConfig,
  options: {
    maxMessage: number
    base: string
    env: NodeJS.ProcessEnv
    onStderr(text: string): void
    runs: RunEvents
  },
): Upstream {
  const timeoutMs = durationMs(config.timeout)
  const { maxMessage } = options
  if (!isStdio(config)) return httpUpstream({ url: config.url, timeoutMs, maxMessage })
  const inherited = (names: readonly string[]) =>
    Object.fromEntries(
      names.flatMap((name) => (options.env[name] === undefined ? [] : [[name, options.env[name]]])),
    )
  return stdioUpstream({
    timeoutMs,
    maxMessage,
    onStderr: options.onStderr,
    runs: options.runs,
    launch: (injected: Injection['env']) => ({
      command: config.command,
      args: config.args,
      cwd: config.cwd ?? dirname(options.base),
      // Exactly what was configured, and what any program needs to start at all.
      env: {
        ...inherited(['PATH', 'HOME', 'SystemRoot', 'TEMP', 'APPDATA', 'LOCALAPPDATA', 'USERPROFILE']),
        ...injected,
      },
    }),
  })
}
