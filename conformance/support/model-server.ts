import type { IncomingHttpHeaders, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { providers, type Script } from '../../packages/gateway/src/gateway/transports/llm/testing.ts'

export type Api = keyof typeof providers

export interface Asked {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  // biome-ignore lint/suspicious/noExplicitAny: requests are looked into freely by tests
  readonly body: any
}

const JSON_TYPE = { 'content-type': 'application/json', 'x-request-id': 'req_scripted' }
const USAGE = { input_tokens: 1, output_tokens: 1, total_tokens: 2, prompt_tokens: 1, completion_tokens: 1 }

/** What each provider answers for a script when no stream is asked for. */
const WHOLE: Record<Api, (script: Script) => object> = {
  'openai-chat': ({ texts, calls }) => ({
    id: 'c1',
    object: 'chat.completion',
    created: 1,
    model: 'm',
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: texts.join(''),
          ...(calls.length === 0
            ? {}
            : {
                tool_calls: calls.map(({ name, json }, at) => ({
                  id: `call_${at}`,
                  type: 'function',
                  function: { name, arguments: json.join('') },
                })),
              }),
        },
        finish_reason: calls.length > 0 ? 'tool_calls' : 'stop',
      },
    ],
    usage: USAGE,
  }),
  'openai-responses': ({ texts, calls }) => ({
    id: 'r1',
    object: 'response',
    created_at: 1,
    model: 'm',
    status: 'completed',
    output: [
      {
        id: 'msg_1',
        type: 'message',
        role: 'assistant',
        status: 'completed',
        content: [{ type: 'output_text', text: texts.join(''), annotations: [] }],
      },
      ...calls.map(({ name, json }, at) => ({
        id: `fc_${at}`,
        type: 'function_call',
        call_id: `call_${at}`,
        name,
        arguments: json.join(''),
        status: 'completed',
      })),
    ],
    usage: USAGE,
  }),
  'anthropic-messages': ({ texts, calls }) => ({
    id: 'm1',
    type: 'message',
    role: 'assistant',
    model: 'm',
    content: [
      { type: 'text', text: texts.join('') },
      ...calls.map(({ name, json }, at) => ({
        type: 'tool_use',
        id: `toolu_${at}`,
        name,
        input: JSON.parse(json.join('')),
      })),
    ],
    stop_reason: calls.length > 0 ? 'tool_use' : 'end_turn',
    stop_sequence: null,
    usage: USAGE,
  }),
  gemini: ({ texts, calls }) => ({
    candidates: [
      {
        index: 0,
        content: {
          role: 'model',
          parts: [
            { text: texts.join('') },
            ...calls.map(({ name, json }) => ({ functionCall: { name, args: JSON.parse(json.join('')) } })),
          ],
        },
        finishReason: 'STOP',
      },
    ],
    modelVersion: 'm',
  }),
}

const apiOf = (path: string): Api | undefined => {
  if (path.startsWith('/v1/chat/completions')) return 'openai-chat'
  if (path.startsWith('/v1/responses')) return 'openai-responses'
  if (path.startsWith('/v1/messages')) return 'anthropic-messages'
  return /^\/v1(beta)?\/models\//.test(path) ? 'gemini' : undefined
}

/** A provider of models that answers what a test has written down, in each of the APIs. */
export class ModelServer implements AsyncDisposable {
  /** Every request that reached it, in order. */
  readonly asked: Asked[] = []
  /** What it says next. */
  script: Script = { texts: ['Hello ', 'there.'], calls: [] }
  /** Answers instead of the script, when it returns true. */
  behave: (asked: Asked, res: ServerResponse) => boolean = () => false
  readonly #server: Server

  private constructor() {
    this.#server = createServer((req, res) => {
      let text = ''
      req.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      req.on('end', () => {
        const asked = { path: req.url ?? '', headers: req.headers, body: text && JSON.parse(text) }
        this.asked.push(asked)
        if (!this.behave(asked, res)) this.#answer(asked, res)
      })
    })
  }

  static async start(): Promise<ModelServer> {
    const server = new ModelServer()
    await new Promise<void>((ready) => server.#server.listen(0, '127.0.0.1', ready))
    return server
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  #answer({ path, body }: Asked, res: ServerResponse): void {
    const api = apiOf(path)
    if (!api) return void res.writeHead(404, JSON_TYPE).end('{"error":{"message":"no such path"}}')
    if (body.stream === true || path.includes(':streamGenerateContent')) {
      res.writeHead(200, { ...JSON_TYPE, 'content-type': 'text/event-stream' })
      return void res.end(providers[api](this.script))
    }
    res.writeHead(200, JSON_TYPE).end(JSON.stringify(WHOLE[api](this.script)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((done) => this.#server.close(done))
  }
}
