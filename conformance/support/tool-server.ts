import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

type Json = Record<string, unknown>
type Behave = (name: string, args: Json, res: ServerResponse, id: unknown) => Json | undefined

/** A scriptable MCP server over Streamable HTTP (JSON answers), for tests in which the server misbehaves. */
export class ToolServer implements AsyncDisposable {
  /** Definitions it offers; tests change them under way. */
  tools: Json[] = [
    {
      name: 'echo',
      description: 'Echo.',
      inputSchema: { type: 'object', properties: { text: { type: 'string' } } },
    },
  ]
  instructions: string | undefined
  /** Definitions in one answer to `tools/list`. */
  pageSize = 1000
  /** Calls that reached it, in order. */
  readonly calls: { name: string; args: Json; headers: IncomingMessage['headers'] }[] = []
  /** Every request that reached it, as it came. */
  readonly requests: { headers: IncomingMessage['headers']; body: string }[] = []
  /** Answers a tool call, or writes to `res` itself and returns undefined. */
  behave: Behave = (_name, args) => ({ content: [{ type: 'text', text: String(args.text ?? '') }] })
  readonly #server: Server

  private constructor() {
    this.#server = createServer((req, res) => {
      let body = ''
      req.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk
      })
      req.on('end', () => {
        if (req.method === 'POST') this.requests.push({ headers: req.headers, body })
        this.#answer(req, res, body)
      })
    })
  }

  static async start(): Promise<ToolServer> {
    const server = new ToolServer()
    await new Promise<void>((ready) => server.#server.listen(0, '127.0.0.1', ready))
    return server
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/mcp`
  }

  #answer(req: IncomingMessage, res: ServerResponse, body: string): void {
    if (req.method !== 'POST') return void res.writeHead(405).end()
    const { id, method, params } = JSON.parse(body) as { id?: unknown; method: string; params?: Json }
    if (id === undefined) return void res.writeHead(202).end()
    const reply = (result: Json) => {
      const session: Record<string, string> =
        method === 'initialize' ? { 'mcp-session-id': 'only-session' } : {}
      res
        .writeHead(200, { 'content-type': 'application/json', ...session })
        .end(JSON.stringify({ jsonrpc: '2.0', id, result }))
    }
    if (method === 'initialize') {
      return reply({
        protocolVersion: '2025-11-25',
        capabilities: { tools: {} },
        serverInfo: { name: 'tool-server', version: '1' },
        ...(this.instructions === undefined ? {} : { instructions: this.instructions }),
      })
    }
    if (method === 'tools/list') {
      const from = Number(params?.cursor ?? 0)
      const next = from + this.pageSize
      return reply({
        tools: this.tools.slice(from, next),
        ...(next < this.tools.length ? { nextCursor: String(next) } : {}),
      })
    }
    if (method === 'tools/call') {
      const { name, arguments: args = {} } = params as { name: string; arguments?: Json }
      this.calls.push({ name, args, headers: req.headers })
      const result = this.behave(name, args, res, id)
      if (result) reply(result)
      return
    }
    res
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ jsonrpc: '2.0', id, error: { code: -32601, message: 'Method not found' } }))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((done) => this.#server.close(done))
  }
}
