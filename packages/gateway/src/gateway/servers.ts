import type { ServerConfig } from '../config/schema.ts'
import type { Upstream } from './transports/mcp/upstream.ts'

/** A registered server as the data path uses it. */
export interface Server {
  readonly name: string
  readonly config: ServerConfig
  readonly upstream: Upstream
  /** The gateway's own meeting with the server; undefined before it and when it has to be repeated. */
  met: Promise<void> | true | undefined
  /** Instructions the server last gave the gateway itself; part of every definition's digest. */
  instructions: string | undefined
  /** True when a definition with these instructions is approved, so a person has seen them. */
  vetted: boolean
  /** Monotonic milliseconds: definitions verified before this moment must be verified again. */
  staleSince: number
}

/** The servers of the present configuration. Replaced entries are disposed, unchanged ones keep their connections. */
export class Servers implements AsyncDisposable {
  #servers = new Map<string, Server>()
  readonly #connect: (name: string, config: ServerConfig) => Upstream

  constructor(connect: (name: string, config: ServerConfig) => Upstream) {
    this.#connect = connect
  }

  get(name: string): Server | undefined {
    return this.#servers.get(name)
  }

  all(): readonly Server[] {
    return [...this.#servers.values()]
  }

  /** The gateway meets the server again before its next call. */
  forget(name: string): void {
    const server = this.#servers.get(name)
    if (server) server.met = undefined
  }

  async configure(configs: Readonly<Record<string, ServerConfig>>): Promise<void> {
    const before = this.#servers
    const gone = new Set(before.values())
    this.#servers = new Map(
      Object.entries(configs).map(([name, config]) => {
        const old = before.get(name)
        if (old && JSON.stringify(old.config) === JSON.stringify(config)) {
          gone.delete(old)
          return [name, old]
        }
        const upstream = this.#connect(name, config)
        return [
          name,
          { name, config, upstream, met: undefined, instructions: undefined, vetted: false, staleSince: 0 },
        ]
      }),
    )
    await Promise.all([...gone].map((server) => server.upstream[Symbol.asyncDispose]()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.all().map((server) => server.upstream[Symbol.asyncDispose]()))
  }
}
