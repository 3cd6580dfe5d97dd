import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, Agent as HttpAgent, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Agent } from '../../packages/agent/src/index.ts'

/** Headers that belong to one connection (RFC 9110 section 7.6.1). */
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'])

/**
 * Stands for a client that holds an instance key, for programs that know nothing of proofs: adds `Authorization` and `DPoP` to each
 * request and changes nothing else.
 *
 * `Host` and `Origin` go through as the program sent them, so that the gateway's own guards judge them. They name this proxy's port
 * instead of the gateway's; both are on loopback and the gateway's guard compares host names, so nothing has to be mapped, and
 * `evil.example.com` arrives as `evil.example.com`. The proof names the gateway's real address, as that of any client does.
 */
export class AuthorisingProxy implements AsyncDisposable {
  readonly #agent: Agent
  readonly #task: string
  readonly #http = new HttpAgent({ keepAlive: true })
  readonly #server = createServer((req, res) => {
    this.#pass(req, res).catch((error: Error) => {
      if (!res.headersSent) res.writeHead(502, { 'content-type': 'text/plain' })
      res.end(error.message)
    })
  })

  private constructor(agent: Agent, task: string) {
    this.#agent = agent
    this.#task = task
  }

  static async start(agent: Agent, task: string): Promise<AuthorisingProxy> {
    const proxy = new AuthorisingProxy(agent, task)
    await new Promise<void>((ready) => proxy.#server.listen(0, '127.0.0.1', ready))
    return proxy
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async #pass(req: IncomingMessage, res: ServerResponse): Promise<void> {
    // The proof states a digest of the body, so the body must be complete before anything is sent.
    const body = Buffer.concat(await req.toArray())
    const url = new URL(req.url ?? '/', this.#agent.identity.issuer)
    const method = req.method ?? 'GET'
    const proof = await this.#agent.authorize(this.#task, {
      method,
      url: url.href,
      body: body.length > 0 ? body : undefined,
    })
    const upstream = request(
      { hostname: url.hostname, port: url.port, path: req.url, method, agent: this.#http, setHost: false },
      (answer) => {
        res.writeHead(answer.statusCode ?? 502, endToEnd(answer.rawHeaders).flat())
        res.flushHeaders()
        answer.pipe(res)
        answer.once('error', () => res.destroy())
      },
    )
    for (const [name, value] of endToEnd(req.rawHeaders)) upstream.appendHeader(name, value)
    for (const [name, value] of Object.entries(proof)) upstream.setHeader(name, value)
    upstream.once('error', () => res.destroy())
    res.once('close', () => upstream.destroy())
    upstream.end(body)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((done) => this.#server.close(done))
    this.#server.closeAllConnections()
    this.#http.destroy()
    await closed
  }
}

function endToEnd(raw: readonly string[]): [string, string][] {
  const kept: [string, string][] = []
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string
    if (!HOP_BY_HOP.has(name.toLowerCase())) kept.push([name, raw[i + 1] as string])
  }
  return kept
}
