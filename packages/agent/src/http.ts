import type { Dispatcher } from 'undici'
import { Agent as HttpAgent, fetch as httpFetch, request } from 'undici'
import { noGateway, refusalIn, unreachable } from './problem.ts'

const CONTROL_MS = 15_000
const MAX_CONTROL_ANSWER = 1024 * 1024

export interface Outgoing {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly headers: Record<string, string>
  readonly body?: string | Uint8Array | undefined
  readonly signal?: AbortSignal | undefined
}

/** The connections to one gateway. Calls and streams may stay open for as long as they like; control requests may not. */
export class Http implements AsyncDisposable {
  readonly #gateway: string
  readonly #dispatcher = new HttpAgent({ bodyTimeout: 0, headersTimeout: 0, connections: 512 })

  constructor(gateway: string) {
    this.#gateway = gateway
  }

  /** Never follows a redirect: a token and its proof are for one address. @throws GatewayUnreachable, or what `signal` aborts with */
  async send(url: string, { method, headers, body, signal }: Outgoing): Promise<Dispatcher.ResponseData> {
    try {
      return await request(url, {
        method,
        headers,
        dispatcher: this.#dispatcher,
        ...(body === undefined ? {} : { body }),
        ...(signal === undefined ? {} : { signal }),
      })
    } catch {
      signal?.throwIfAborted()
      throw unreachable(this.#gateway)
    }
  }

  /** A control request with a JSON answer. @throws GatewayRefusal, GatewayUnreachable */
  async control(url: string, outgoing: Outgoing): Promise<unknown> {
    const timeout = AbortSignal.timeout(CONTROL_MS)
    const signal = outgoing.signal ? AbortSignal.any([outgoing.signal, timeout]) : timeout
    let status: number
    let text: string
    try {
      const response = await this.send(url, { ...outgoing, signal })
      status = response.statusCode
      text = await readText(response.body, MAX_CONTROL_ANSWER)
    } catch {
      outgoing.signal?.throwIfAborted()
      throw unreachable(this.#gateway)
    }
    let body: unknown
    try {
      body = JSON.parse(text)
    } catch {
      if (status < 300) throw noGateway(this.#gateway)
    }
    if (status >= 300) throw refusalIn(body, status)
    return body
  }

  /** @throws TypeError when the gateway cannot be reached or redirects */
  async fetch(url: URL, init: RequestInit): Promise<Response> {
    const outgoing = { ...init, redirect: 'error', dispatcher: this.#dispatcher }
    const response = await httpFetch(url, outgoing as NonNullable<Parameters<typeof httpFetch>[1]>)
    return response as unknown as Response
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dispatcher.destroy()
  }
}

/** A body as text. @throws RangeError beyond `limit` bytes */
export async function readText(body: AsyncIterable<Uint8Array>, limit: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > limit) throw new RangeError('The answer is too large.')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
