import type { Loaded } from '../config/load.ts'
import type { Config, ServerConfig } from '../config/schema.ts'
import { PolicyEngine } from '../grants/policy/policy.ts'
import type { PolicyTool } from '../grants/policy/schema.ts'
import type { Clock } from '../lib/clock.ts'
import type { LogEvent } from '../model/evidence.ts'
import { sentence } from '../model/reasons.ts'
import { Refusal } from '../model/refusal.ts'
import type { Lock } from '../oversight/locks.ts'
import type { ToolView } from '../registry/views.ts'
import type { Placement } from '../segments/segments.ts'
import { placement } from '../segments/segments.ts'
import type { Route } from './front.ts'
import { InFlight } from './in-flight.ts'
import { llmRoute } from './llm.ts'
import type { McpParts } from './mcp.ts'
import { connectUpstream, mcpContext, mcpRoute, meetAgain } from './mcp.ts'
import { processEvent } from './process-events.ts'
import { Servers } from './servers.ts'
import { Providers } from './transports/llm/providers.ts'

/** What of a configuration the data path works from. */
export type Snapshot = Pick<Loaded, 'config' | 'path' | 'policies'>

/** What has to end at once. */
export type Stop =
  | { readonly task: string; readonly end: string }
  | { readonly instance: string }
  | { readonly locks: readonly Lock[] }

export interface PlaneDeps {
  readonly clock: Clock
  readonly env: NodeJS.ProcessEnv
  /** Every definition the registry knows now. */
  views(): readonly ToolView[]
  onServerOutput(server: string, text: string): void
  /** A child process of a server began or ended. */
  onProcess(event: LogEvent): void
  onProblem(problem: string, error?: unknown): void
  onBug(error: unknown): void
}

/** What one process holds to serve agents, apart from what has one owner on a machine: servers, policies, and what is open. */
export class DataPlane implements AsyncDisposable {
  readonly inFlight = new InFlight()
  readonly servers: Servers
  readonly #providers = new Providers()
  readonly #d: PlaneDeps
  #now: Snapshot
  #places: Placement
  #engine: PolicyEngine | undefined
  #isEngineStale = false
  #parts: McpParts | undefined

  constructor(deps: PlaneDeps, snapshot: Snapshot) {
    this.#d = deps
    this.#now = snapshot
    this.#places = placement(snapshot.config)
    this.servers = new Servers((name, config) => this.#connect(name, config))
  }

  get config(): Config {
    return this.#now.config
  }

  get placement(): Placement {
    return this.#places
  }

  /** What policies can speak of now. */
  policyTools(): readonly PolicyTool[] {
    return approved(this.#d.views())
  }

  /** The policies over the present registry. @throws PoliciesInvalid at the first use, never later */
  engine(): PolicyEngine {
    if (this.#engine !== undefined && !this.#isEngineStale) return this.#engine
    this.#isEngineStale = false
    try {
      const next = new PolicyEngine({ files: this.#now.policies, tools: this.policyTools() })
      this.#engine?.dispose()
      this.#engine = next
    } catch (error) {
      if (this.#engine === undefined) throw error
      // The old policies stay in force; a call the new registry allows is denied until they fit.
      this.#d.onProblem('the policies do not fit the registry', error)
    }
    return this.#engine as PolicyEngine
  }

  /** Takes a configuration into use; servers that did not change keep their connections. */
  async configure(snapshot: Snapshot): Promise<void> {
    this.#now = snapshot
    this.#places = placement(snapshot.config)
    this.#isEngineStale = true
    await this.servers.configure(snapshot.config.servers)
    await this.#providers.configure(snapshot.config.models)
  }

  /** Definitions were approved, changed or blocked. */
  registryChanged(): void {
    this.#isEngineStale = true
    const vetted = new Set(
      this.#d
        .views()
        .filter((view) => view.status === 'approved' && view.seenDigest === view.pinnedDigest)
        .map((view) => view.server),
    )
    for (const server of this.servers.all()) server.vetted = vetted.has(server.name)
  }

  /** `/mcp`, `/mcp/{server}` and `/llm/{provider}`. `secrets` are values to recognise in what leaves for an agent. */
  route({
    secrets,
    ...parts
  }: Pick<McpParts, 'issuer' | 'logOrigin' | 'authority' | 'scanner' | 'sealer' | 'marks' | 'telemetry'> & {
    secrets(): ReadonlyMap<string, string>
  }): Route {
    this.#parts = {
      ...parts,
      clock: this.#d.clock,
      servers: this.servers,
      inFlight: this.inFlight,
      config: () => this.config,
      placement: () => this.placement,
      engine: () => this.engine(),
      onBug: this.#d.onBug,
    }
    const shared = mcpContext(this.#parts)
    const config = () => this.config
    const mcp = mcpRoute(shared)
    const llm = llmRoute(shared, { providers: this.#providers, config, secrets })
    return {
      matches: (path) => mcp.matches(path) || llm.matches(path),
      handle: (req, res, path) => (mcp.matches(path) ? mcp : llm).handle(req, res, path),
    }
  }

  /** Asks servers what they offer now: all, or one. @returns what kept some from being asked */
  async meet(only?: string): Promise<readonly { server: string; problem: string }[]> {
    const parts = this.#parts
    if (!parts) return []
    const problems: { server: string; problem: string }[] = []
    await Promise.all(
      this.servers
        .all()
        .filter((server) => only === undefined || server.name === only)
        .map(async (server) => {
          try {
            await meetAgain(parts, server)
          } catch (error) {
            if (!(error instanceof Refusal)) throw error
            problems.push({ server: server.name, problem: sentence(error.reason) })
          }
        }),
    )
    return problems
  }

  /** Ends what is open and runs on behalf of what was stopped. */
  stop(stop: Stop): void {
    if ('instance' in stop) return this.inFlight.stopInstance(stop.instance)
    if ('task' in stop) {
      this.inFlight.stopTask(stop.task, stop.end)
      for (const server of this.servers.all()) server.upstream.stop(stop.task)
      return
    }
    this.inFlight.stopLocked(stop.locks)
    for (const lock of stop.locks) {
      if (lock.scope === 'global') for (const server of this.servers.all()) server.upstream.stop()
      if (lock.scope === 'server') this.servers.get(lock.target)?.upstream.stop()
      if (lock.scope === 'task') for (const server of this.servers.all()) server.upstream.stop(lock.target)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.servers[Symbol.asyncDispose]()
    await this.#providers[Symbol.asyncDispose]()
  }

  #connect(name: string, config: ServerConfig) {
    return connectUpstream(config, {
      maxMessage: this.#now.config.limits.message,
      base: this.#now.path,
      env: this.#d.env,
      onStderr: (text) => this.#d.onServerOutput(name, text),
      runs: {
        started: (run) => this.#d.onProcess(processEvent(name, run)),
        ended: (run, end) => this.#d.onProcess(processEvent(name, run, end)),
      },
    })
  }
}

/** What is not approved cannot be called, so policies about it sleep until it is. */
const approved = (views: readonly ToolView[]) =>
  views.flatMap(({ server, kind, name, pinned }) =>
    pinned ? [{ server, kind, name, inputSchema: pinned.inputSchema }] : [],
  )
