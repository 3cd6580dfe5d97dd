import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { Agent, OpenedTask, TaskRequest } from './agent.ts'
import type { ToolHeader } from './modern.ts'
import { modernHeaders, modernVersion, toolHeaders } from './modern.ts'
import { GatewayRefusal } from './problem.ts'
import { readEvents } from './sse.ts'

const MAX_MESSAGE = 16 * 1024 * 1024
const CLOSE_MS = 3000
/** How long requests that are open when the client's input ends may still be answered; within {@link CLOSE_MS}. */
const GRACE_MS = 1000
/** Messages under way beyond which no more are read. */
const MAX_UNDER_WAY = 1000
/** Shortest wait before a stream is asked for again, whatever the server says. */
const MIN_WAIT_MS = 100

export interface ConnectOptions {
  readonly agent: Agent
  /** One server, or undefined for all that the task's grant covers. */
  readonly server: string | undefined
  readonly task: TaskRequest
  readonly input: Readable
  readonly output: Writable
  /** For people; nothing but JSON-RPC goes to `output`. */
  readonly say: (text: string) => void
  readonly signal: AbortSignal
}

type Id = string | number
interface Message {
  readonly id?: Id | null
  readonly method?: string
  readonly params?: Readonly<Record<string, unknown>>
  readonly result?: Readonly<Record<string, unknown>>
}

/** What the gateway refuses with: a JSON-RPC error, or its own form. */
interface Refused {
  readonly error?: { readonly code?: number; readonly message?: string }
  readonly reason?: { readonly sentence: string; readonly next: string }
}

/**
 * The stdio bridge: an MCP client spawns it, and every message goes through the gateway with a proof by the instance key. Opens a task,
 * ends it when the client goes. Transparent in both eras. @throws GatewayRefusal when the task is refused, GatewayUnreachable
 */
export async function connect(options: ConnectOptions): Promise<void> {
  const opened = await options.agent.openTask(options.task)
  const bridge = new Bridge(options, opened)
  try {
    await bridge.run()
  } finally {
    await Promise.race([bridge.close(), new Promise((resolve) => setTimeout(resolve, CLOSE_MS).unref())])
  }
}

class Bridge {
  readonly #o: ConnectOptions
  readonly #task: string
  readonly #path: string
  readonly #open = new Map<Id, AbortController>()
  readonly #underWay = new Set<Promise<void>>()
  /** The last message that others have to wait for: reading goes on meanwhile, so that an end or a stop is noticed. */
  #order: Promise<void> = Promise.resolve()
  readonly #streams = new AbortController()
  readonly #toolHeaders = new Map<string, readonly ToolHeader[]>()
  #session: string | undefined
  #version: string | undefined

  constructor(options: ConnectOptions, { task }: OpenedTask) {
    this.#o = options
    this.#task = task.id
    this.#path = options.server === undefined ? '/mcp' : `/mcp/${options.server}`
  }

  /** Until the client's input ends or the bridge is told to stop. Messages are sent in order, answered as they come. */
  async run(): Promise<void> {
    let buffer = ''
    const { input, signal } = this.#o
    const stop = () => input.destroy()
    signal.addEventListener('abort', stop, { once: true })
    input.setEncoding('utf8')
    try {
      for await (const chunk of input) {
        buffer += chunk as string
        for (let end = buffer.indexOf('\n'); end >= 0; end = buffer.indexOf('\n')) {
          const line = buffer.slice(0, end).trim()
          buffer = buffer.slice(end + 1)
          if (line !== '') this.#line(line)
          if (this.#underWay.size >= MAX_UNDER_WAY) await Promise.race(this.#underWay)
        }
        if (buffer.length > MAX_MESSAGE) {
          buffer = ''
          await this.#write(failure(null, -32600, 'The message is larger than 16 MiB.'))
        }
      }
      await this.#settled(GRACE_MS)
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  /** Until everything under way is done, but no longer than this. */
  async #settled(ms: number): Promise<void> {
    const over = new AbortController()
    const all = Promise.allSettled(this.#underWay).finally(() => over.abort())
    await Promise.race([all, pause(ms, AbortSignal.any([over.signal, this.#o.signal]))])
  }

  async close(): Promise<void> {
    this.#streams.abort()
    if (this.#session !== undefined) {
      const response = await this.#send('DELETE', undefined, {}).catch(() => undefined)
      await response?.body.dump()
    }
    await this.#o.agent.closeTask(this.#task).catch((error: Error) => this.#o.say(error.message))
  }

  #line(line: string): void {
    let message: Message
    try {
      message = JSON.parse(line) as Message
      if (typeof message !== 'object' || message === null) throw new SyntaxError()
    } catch {
      void this.#write(failure(null, -32700, 'The line is not a JSON-RPC message.'))
      return
    }
    const version = modernVersion(message.method, message.params)
    const requestId = message.params?.requestId as Id | undefined
    if (
      message.method === 'notifications/cancelled' &&
      this.#session === undefined &&
      requestId !== undefined
    ) {
      // Over HTTP a modern client cancels by closing the request.
      this.#open.get(requestId)?.abort()
      return
    }
    const sent = this.#order.then(() => this.#exchange(line, message, version))
    this.#underWay.add(sent)
    void sent.finally(() => this.#underWay.delete(sent))
    // The handshake decides the headers of all that follows; notifications and replies keep their order too.
    if (message.method === 'initialize' || message.id === undefined || message.method === undefined)
      this.#order = sent
    if (message.method === 'notifications/initialized') void sent.then(() => this.#listen())
  }

  /** Sends one message and passes on whatever comes back. */
  async #exchange(line: string, message: Message, version: string | undefined): Promise<void> {
    const isRequest = message.method !== undefined && message.id !== undefined && message.id !== null
    const controller = new AbortController()
    if (this.#streams.signal.aborted) return
    if (isRequest) this.#open.set(message.id as Id, controller)
    const signal = AbortSignal.any([controller.signal, this.#streams.signal])
    try {
      const headers =
        version === undefined
          ? {}
          : modernHeaders(message.method as string, message.params, version, this.#toolHeaders)
      const response = await this.#send('POST', line, headers, signal)
      const answered = await this.#receive(response, message)
      if (isRequest && !answered)
        await this.#write(failure(message.id as Id, 502, 'The gateway gave no answer.'))
    } catch (error) {
      if (!isRequest || signal.aborted) return
      const code = error instanceof GatewayRefusal ? error.status : 502
      await this.#write(failure(message.id as Id, code, (error as Error).message))
    } finally {
      if (isRequest) this.#open.delete(message.id as Id)
    }
  }

  /** True when the answer to the request came. */
  async #receive(response: Dispatcher.ResponseData, message: Message): Promise<boolean> {
    const type = String(response.headers['content-type'] ?? '')
    const session = response.headers['mcp-session-id']
    if (message.method === 'initialize' && typeof session === 'string') this.#session = session
    if (type.startsWith('text/event-stream')) return await this.#stream(response, message)
    const text = await response.body.text()
    if (text === '') return false
    const id = message.id ?? null
    const answer = JSON.parse(text) as Message
    // A refusal that could not be matched to the request still ends it.
    if (message.method !== undefined && message.id !== undefined && (answer.id ?? null) === null) {
      const { error, reason } = answer as Refused
      const said = reason ? `${reason.sentence} ${reason.next}` : error?.message
      await this.#write(
        failure(id, error?.code ?? response.statusCode, said ?? 'The gateway refused the request.'),
      )
    } else await this.#deliver(text, answer, message)
    return true
  }

  /** A legacy stream that breaks off is taken up again where it ended (resumption). */
  async #stream(response: Dispatcher.ResponseData, message: Message): Promise<boolean> {
    let answered = false
    let lastId: string | undefined
    let wait = 1000
    let current = response
    for (let tries = 0; tries < 5; tries++) {
      try {
        for await (const event of readEvents(current.body, MAX_MESSAGE)) {
          if (event.id !== undefined) lastId = event.id
          if (event.retry !== undefined) wait = Math.max(event.retry, MIN_WAIT_MS)
          if (event.data === undefined || event.data === '') continue
          tries = 0
          const received = JSON.parse(event.data) as Message
          if (received.method === undefined && received.id === message.id) answered = true
          await this.#deliver(event.data, received, message)
        }
      } catch (error) {
        if (this.#streams.signal.aborted || (error as Error).name === 'AbortError') return true
      }
      if (answered || lastId === undefined || this.#session === undefined) return answered
      await pause(wait, this.#streams.signal)
      current = await this.#send('GET', undefined, { 'last-event-id': lastId }, this.#streams.signal)
      if (current.statusCode !== 200) {
        await current.body.dump()
        return answered
      }
    }
    return answered
  }

  /** The standalone stream of a legacy session; a server without one answers 405. */
  async #listen(): Promise<void> {
    let lastId: string | undefined
    let wait = 1000
    while (!this.#streams.signal.aborted && this.#session !== undefined) {
      try {
        const headers = lastId === undefined ? {} : { 'last-event-id': lastId }
        const response = await this.#send('GET', undefined, headers, this.#streams.signal)
        if (response.statusCode !== 200) return await response.body.dump()
        for await (const event of readEvents(response.body, MAX_MESSAGE)) {
          if (event.id !== undefined) lastId = event.id
          if (event.retry !== undefined) wait = Math.max(event.retry, MIN_WAIT_MS)
          if (event.data) await this.#write(oneLine(event.data))
        }
      } catch {
        if (this.#streams.signal.aborted) return
      }
      await pause(wait, this.#streams.signal)
      wait = Math.min(wait * 2, 30_000)
    }
  }

  #deliver(text: string, received: Message, asked: Message): Promise<void> {
    if (asked.method === 'initialize' && typeof received.result?.protocolVersion === 'string') {
      this.#version = received.result.protocolVersion
    }
    if (asked.method === 'tools/list') toolHeaders(received.result?.tools, this.#toolHeaders)
    return this.#write(oneLine(text))
  }

  #send(
    method: 'GET' | 'POST' | 'DELETE',
    body: string | undefined,
    headers: Record<string, string>,
    signal?: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    return this.#o.agent.request(this.#task, this.#path, {
      method,
      headers: {
        accept: method === 'GET' ? 'text/event-stream' : 'application/json, text/event-stream',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(this.#session === undefined ? {} : { 'mcp-session-id': this.#session }),
        ...(this.#version === undefined ? {} : { 'mcp-protocol-version': this.#version }),
        ...headers,
      },
      ...(body === undefined ? {} : { body }),
      ...(signal === undefined ? {} : { signal }),
    })
  }

  /** Waits for a client that reads slowly, so that what it has not read stays with the server. */
  async #write(line: string): Promise<void> {
    const { output } = this.#o
    if (output.write(`${line}\n`) || output.destroyed) return
    await once(output, 'drain', { signal: this.#streams.signal }).catch(() => {})
  }
}

const failure = (id: Id | null, code: number, message: string): string =>
  JSON.stringify({ jsonrpc: '2.0', id, error: { code, message } })

/** Line breaks in valid JSON stand only between tokens. */
const oneLine = (text: string): string => text.replace(/[\r\n]+/g, ' ')

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  signal.addEventListener('abort', () => resolve(), { once: true })
  await promise
  clearTimeout(timer)
}
