import { PassThrough } from 'node:stream'
import type { TaskRequest } from '@ostiary/agent'
import { Agent, connect } from '@ostiary/agent'

interface Answer {
  readonly id?: number
  readonly result?: {
    readonly content?: readonly { readonly text?: string }[]
    readonly isError?: boolean
    readonly tools?: readonly { readonly name: string }[]
    readonly _meta?: Readonly<Record<string, Record<string, unknown>>>
  }
  readonly error?: { readonly message: string; readonly data?: Record<string, unknown> }
}

/** The agent of the demonstration: speaks MCP through the stdio bridge, as any client would. */
export class DemoClient implements AsyncDisposable {
  readonly #input = new PassThrough()
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  readonly #agent: Agent
  readonly #bridge: Promise<void>
  #id = 0

  constructor(stateDir: string, server: string, task: TaskRequest) {
    this.#agent = new Agent({ stateDir })
    const output = new PassThrough()
    let rest = ''
    output.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) this.#receive(JSON.parse(line) as Answer)
    })
    this.#bridge = connect({
      agent: this.#agent,
      server,
      task,
      input: this.#input,
      output,
      say: () => {},
      signal: new AbortController().signal,
    })
  }

  async open(): Promise<void> {
    await this.request('initialize', {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'demo', version: '1.0.0' },
    })
    this.#input.write(`${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' })}\n`)
  }

  request(method: string, params: object): Promise<Answer> {
    const id = ++this.#id
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    this.#waiting.set(id, resolve)
    this.#bridge.catch(reject)
    this.#input.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`)
    return promise
  }

  call(name: string, args: object): Promise<Answer> {
    return this.request('tools/call', { name, arguments: args })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#input.end()
    await this.#bridge
    await this.#agent[Symbol.asyncDispose]()
  }

  #receive(answer: Answer): void {
    if (answer.id === undefined) return
    this.#waiting.get(answer.id)?.(answer)
    this.#waiting.delete(answer.id)
  }
}
