import { Agent } from 'undici'
import { dpopProof } from '../../../lib/dpop-proof.ts'
import { signRequest } from '../../../lib/http-signature.ts'
import type { SseEvent } from '../../../lib/sse.ts'
import { SseTooLarge, sseParser } from '../../../lib/sse.ts'
import type { Upstream, UpstreamCall, UpstreamFailure, UpstreamRequest, UpstreamSink } from './upstream.ts'

/** An MCP server over Streamable HTTP. One connection pool per server; no redirects; no decompression. */
export function httpUpstream(options: {
  url: string
  timeoutMs: number
  maxMessage: number
  connections?: number
}): Upstream {
  const target = new URL(options.url)
  const agent = new Agent({
    connections: options.connections ?? 256,
    pipelining: 1,
    headersTimeout: options.timeoutMs,
    // An open stream may be silent for long; its life is bounded by the task, its keep-alive by TCP.
    bodyTimeout: 0,
    connect: { timeout: Math.min(options.timeoutMs, 10_000) },
    maxResponseSize: -1,
  })
  return {
    send: (request, sink, signal) => dispatch(agent, target, options, request, sink, signal),
    stop() {},
    async [Symbol.asyncDispose]() {
      await agent.destroy()
    },
  }
}

function dispatch(
  agent: Agent,
  target: URL,
  options: { timeoutMs: number; maxMessage: number },
  request: UpstreamRequest,
  sink: UpstreamSink,
  signal: AbortSignal,
): UpstreamCall {
  let ended = false
  let abort: (() => void) | undefined
  let resume: (() => void) | undefined
  let kind: 'json' | 'sse' | 'empty' = 'empty'
  let chunks: Buffer[] = []
  let size = 0
  let parse: ((chunk: Uint8Array) => void) | undefined
  let silence: NodeJS.Timeout | undefined

  const end = (failure?: UpstreamFailure) => {
    if (ended) return
    ended = true
    clearTimeout(silence)
    signal.removeEventListener('abort', onAbort)
    sink.end(failure)
  }
  const fail = (failure: UpstreamFailure) => {
    end(failure)
    abort?.()
  }
  const onAbort = () => fail({ code: 'CANCELLED' })
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) {
    end({ code: 'CANCELLED' })
    return { resume: () => {} }
  }

  // Only a request waits for its answer, also when its stream is resumed; a GET stream or a subscription may rest.
  const expectsAnswer = request.id !== undefined && !isSubscription(request)
  const watch = () => {
    if (!expectsAnswer) return
    if (silence) silence.refresh()
    else silence = setTimeout(() => fail({ code: 'UPSTREAM_TIMEOUT' }), options.timeoutMs)
  }
  watch()

  agent.dispatch(
    {
      origin: target.origin,
      path: target.pathname + target.search,
      method: request.method,
      headers: headersOf(request, target),
      body: request.body ?? null,
    },
    {
      onRequestStart(controller) {
        abort = () => controller.abort(new Error('closed'))
        resume = () => controller.resume()
        if (ended) abort()
      },
      onResponseStart(_controller, status, headers) {
        if (ended || status < 200) return
        const type = String(headers['content-type'] ?? '')
          .split(';')[0]
          ?.trim()
          .toLowerCase()
        kind = type === 'text/event-stream' ? 'sse' : type === 'application/json' ? 'json' : 'empty'
        const session = headers['mcp-session-id']
        sink.head({ status, kind, session: typeof session === 'string' ? session : undefined })
        if (kind === 'sse') {
          parse = sseParser(options.maxMessage, (event: SseEvent) => {
            if (!ended && !sink.event(event)) _controller.pause()
          })
        }
      },
      onResponseData(_controller, chunk) {
        if (ended) return
        watch()
        if (parse) {
          try {
            parse(chunk)
          } catch (error) {
            if (!(error instanceof SseTooLarge)) throw error
            fail({ code: 'UPSTREAM_PROTOCOL', detail: 'it sent a message that is too large' })
          }
          return
        }
        size += chunk.length
        if (size > options.maxMessage) {
          fail({ code: 'UPSTREAM_PROTOCOL', detail: 'it sent a message that is too large' })
        } else if (kind === 'json') chunks.push(chunk)
      },
      onResponseEnd() {
        if (ended) return
        if (kind === 'json') {
          sink.json(Buffer.concat(chunks).toString('utf8'))
          chunks = []
        }
        end()
      },
      onResponseError(_controller, error) {
        const name = (error as NodeJS.ErrnoException).code ?? error.name
        if (name === 'UND_ERR_HEADERS_TIMEOUT') end({ code: 'UPSTREAM_TIMEOUT' })
        else if (kind === 'empty' && size === 0) {
          end({ code: 'UPSTREAM_UNREACHABLE', detail: plain(name) })
        } else end({ code: 'UPSTREAM_PROTOCOL', detail: 'the answer broke off' })
      },
    },
  )
  return { resume: () => resume?.() }
}

function headersOf(request: UpstreamRequest, target: URL): Record<string, string> {
  const { injection, method, body, session } = request
  const headers = {
    ...injection.headers,
    ...request.headers,
    accept: request.headers.accept ?? 'application/json, text/event-stream',
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(session === undefined ? {} : { 'mcp-session-id': session }),
  }
  const { signing, proof } = injection
  if (!signing && !proof) return headers
  const sent = { method, url: target.href, headers, body }
  const now = Date.now()
  const token = injection.headers.authorization?.slice('DPoP '.length) ?? ''
  return {
    ...headers,
    ...(signing ? signRequest(signing, sent, now) : {}),
    ...(proof ? { dpop: dpopProof(proof, token, sent, now) } : {}),
  }
}

const isSubscription = (request: UpstreamRequest) => request.headers['mcp-method'] === 'subscriptions/listen'

/** Error codes a person can act on; never an upstream's own text. */
function plain(code: string): string {
  if (code === 'ECONNREFUSED') return 'the connection was refused'
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'its name does not resolve'
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return 'the connection timed out'
  if (code.startsWith('CERT_') || code.includes('TLS') || code.includes('CERT'))
    return 'its certificate was refused'
  return 'the connection failed'
}
