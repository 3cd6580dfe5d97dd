import type { Dispatcher } from 'undici'
import { Agent } from 'undici'
import type { ModelConfig } from '../../../config/schema.ts'
import { durationMs, KEY_HEADERS } from '../../../config/schema.ts'
import type { Injection } from '../../../credentials/injection.ts'
import type { Reason } from '../../../model/reasons.ts'
import { reason } from '../../../model/reasons.ts'
import type { InferenceEndpoint } from './endpoints.ts'
import type { Forwarded } from './receive.ts'

/** A provider as the data path uses it: what is configured, and the connections to it. */
export interface Provider {
  readonly name: string
  readonly config: ModelConfig
  readonly agent: Agent
}

/** The providers of the present configuration. One that did not change keeps its connections. */
export class Providers implements AsyncDisposable {
  #providers = new Map<string, Provider>()

  get(name: string): Provider | undefined {
    return this.#providers.get(name)
  }

  async configure(configs: Readonly<Record<string, ModelConfig>>): Promise<void> {
    const gone = new Set(this.#providers.values())
    const next = new Map<string, Provider>()
    for (const [name, config] of Object.entries(configs)) {
      const old = this.#providers.get(name)
      const isSame = old !== undefined && JSON.stringify(old.config) === JSON.stringify(config)
      if (isSame) gone.delete(old)
      next.set(name, isSame ? old : { name, config, agent: connections(config) })
    }
    this.#providers = next
    // What is open goes on under what it was allowed with, until its own end.
    for (const { agent } of gone) void agent.close().catch(() => {})
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#providers.values()].map(({ agent }) => agent.destroy()))
  }
}

function connections(config: ModelConfig): Agent {
  const silence = durationMs(config.timeout)
  return new Agent({
    connections: 256,
    pipelining: 1,
    headersTimeout: silence,
    bodyTimeout: silence,
    connect: { timeout: Math.min(silence, 10_000) },
  })
}

/** 15: exactly what was inspected. Follows no redirect and decompresses nothing. */
export function ask(
  { config, agent }: Provider,
  { endpoint, query, headers, body }: Forwarded,
  { injection, traceparent }: { readonly injection: Injection; readonly traceparent: string },
  signal: AbortSignal,
): Promise<Dispatcher.ResponseData> {
  const { origin, path } = addressOf(config.url, endpoint)
  return agent.request({
    origin,
    path: path + query,
    method: 'POST',
    headers: {
      ...headers,
      // What an operator wrote counts, not what the agent says.
      ...keyed(config, endpoint, injection.headers),
      accept: 'application/json, text/event-stream',
      'accept-encoding': 'identity',
      'content-type': 'application/json',
      traceparent,
    },
    body: JSON.stringify(body),
    signal,
  })
}

/** A version that the address ends with and the path begins with is meant once. */
export function addressOf(url: string, { path }: InferenceEndpoint): { origin: string; path: string } {
  const { origin, pathname } = new URL(url)
  const base = pathname.replace(/\/+$/, '')
  const version = /\/[^/]+$/.exec(base)?.[0]
  const isTwice = version !== undefined && path.startsWith(`${version}/`)
  return { origin, path: base + (isTwice ? path.slice(version.length) : path) }
}

/** Without the headers in which other APIs of the same provider expect the key. */
function keyed(
  config: ModelConfig,
  { api }: InferenceEndpoint,
  headers: Injection['headers'],
): Record<string, string> {
  if (config.key === undefined) return { ...headers }
  const own = KEY_HEADERS[api]('')[0]
  const others = config.apis.map((other) => KEY_HEADERS[other]('')[0]).filter((name) => name !== own)
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !others.includes(name)))
}

/** Why a provider gave no answer, or not all of it; never in its own words. */
export function failureOf(error: unknown, { name, config }: Provider, isAnswering: boolean): Reason {
  const code = (error as NodeJS.ErrnoException).code ?? ''
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT')
    return reason('UPSTREAM_TIMEOUT', { server: name, seconds: Math.ceil(durationMs(config.timeout) / 1000) })
  if (isAnswering) return reason('UPSTREAM_PROTOCOL', { server: name, detail: 'the answer broke off' })
  const detail =
    code === 'ECONNREFUSED'
      ? 'the connection was refused'
      : code === 'ENOTFOUND' || code === 'EAI_AGAIN'
        ? 'its name does not resolve'
        : code === 'UND_ERR_CONNECT_TIMEOUT'
          ? 'the connection timed out'
          : /CERT|TLS|SSL/.test(code)
            ? 'its certificate was refused'
            : 'the connection failed'
  return reason('UPSTREAM_UNREACHABLE', { server: name, detail })
}
