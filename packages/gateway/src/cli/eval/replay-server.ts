import type { ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { JsonObject } from '../../model/json.ts'
import type { Tools } from './agentdojo-data.ts'

const MAX_BODY = 16_777_216

/** What a tool answered then. */
export interface Recorded {
  readonly output: string
  readonly hasFailed: boolean
}

/**
 * MCP servers, one per suite at `/{suite}`, that answer each call with what was recorded for it: calls are told apart by their JSON-RPC id,
 * which the gateway passes on. So what reaches a tool is known too.
 */
export class ReplayServer implements AsyncDisposable {
  readonly #suites: ReadonlyMap<string, Tools>
  readonly #expected = new Map<string, Recorded>()
  readonly #reached = new Set<string>()
  readonly #server = createServer((req, res) => {
    const chunks: Buffer[] = []
    let size = 0
    req.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > MAX_BODY) req.destroy()
      else chunks.push(chunk)
    })
    req.on('end', () => this.#answer(req.url ?? '', Buffer.concat(chunks).toString('utf8'), res))
  })

  private constructor(suites: ReadonlyMap<string, Tools>) {
    this.#suites = suites
  }

  static async start(suites: ReadonlyMap<string, Tools>): Promise<ReplayServer> {
    const server = new ReplayServer(suites)
    await new Promise<void>((ready) => server.#server.listen(0, '127.0.0.1', ready))
    return server
  }

  urlOf(suite: string): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/${suite}`
  }

  expect(id: string, recorded: Recorded): void {
    this.#expected.set(id, recorded)
  }

  /** Whether the call got here; it is forgotten then. */
  took(id: string): boolean {
    this.#expected.delete(id)
    return this.#reached.delete(id)
  }

  #answer(path: string, body: string, res: ServerResponse): void {
    const message = JSON.parse(body) as { id?: string | number; method?: string }
    if (message.id === undefined) return void res.writeHead(202).end()
    const result = this.#resultOf(path.slice(1), message)
    const answer = {
      jsonrpc: '2.0',
      id: message.id,
      ...(result ? { result } : { error: { code: -32601, message: 'Method not found' } }),
    }
    res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
  }

  #resultOf(
    suite: string,
    { id, method }: { id?: string | number; method?: string },
  ): JsonObject | undefined {
    if (method === 'tools/list') return { tools: (this.#suites.get(suite) ?? []) as unknown as JsonObject[] }
    if (method === 'initialize') {
      return {
        protocolVersion: '2025-11-25',
        capabilities: { tools: {} },
        serverInfo: { name: 'replay', version: '1' },
      }
    }
    const recorded = this.#expected.get(String(id))
    if (!recorded) return undefined
    this.#reached.add(String(id))
    return {
      content: [{ type: 'text', text: recorded.output }],
      ...(recorded.hasFailed ? { isError: true } : {}),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((done) => this.#server.close(done))
  }
}
