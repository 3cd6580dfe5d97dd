import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { Agent } from 'undici'
import type { SinkOf } from '../../config/sink-schema.ts'
import { outbound } from '../../lib/outbound.ts'
import { SinkFailed } from '../delivery/sink.ts'
import type { SinkDeps } from './index.ts'

/** What a collector answers is short; more is not read. */
const MAX_ANSWER = 16_384

type HttpConfig = Pick<SinkOf<'https'>, 'url' | 'headers' | 'ca'>

/** Posts to one collector over a connection of its own. */
export class HttpPost {
  readonly #config: HttpConfig
  readonly #d: SinkDeps
  #pool: Agent | undefined

  constructor(config: HttpConfig, deps: SinkDeps) {
    this.#config = config
    this.#d = deps
  }

  /** @throws OutboundFailed, SinkFailed, Refusal; none says anything that the other side wrote */
  async send(
    body: string | Uint8Array,
    contentType: string,
    signal: AbortSignal,
  ): Promise<{ readonly body: Uint8Array }> {
    this.#pool ??= await this.#connect()
    const answer = await outbound({
      url: this.#config.url,
      method: 'POST',
      headers: { ...(await this.#headers()), 'content-type': contentType },
      body,
      origin: 'configured',
      maxBytes: MAX_ANSWER,
      timeoutMs: 600_000,
      pool: this.#pool,
      signal,
    })
    if (answer.status < 200 || answer.status > 299)
      throw new SinkFailed(`it answered with status ${answer.status}`)
    return { body: answer.bytes }
  }

  async close(): Promise<void> {
    await this.#pool?.destroy()
    this.#pool = undefined
  }

  async #connect(): Promise<Agent> {
    const { ca } = this.#config
    const trusted = ca === undefined ? {} : { ca: await readFile(resolve(this.#d.dir, ca)) }
    return new Agent({
      connections: 1,
      pipelining: 1,
      connect: { timeout: 5000, rejectUnauthorized: true, ...trusted },
    })
  }

  async #headers(): Promise<Record<string, string>> {
    const headers: Record<string, string> = {}
    for (const [name, value] of Object.entries(this.#config.headers)) {
      headers[name.toLowerCase()] =
        typeof value === 'string'
          ? value
          : (await this.#d.secret(`audit.sinks.${this.#d.name}`, value)).reveal()
    }
    return headers
  }
}
