import { setTimeout as delay } from 'node:timers/promises'
import type { SseEvent } from '../../../lib/sse.ts'
import { isPlainEvent, rewritten } from '../../../lib/sse.ts'
import type { Reason } from '../../../model/reasons.ts'
import { reason } from '../../../model/reasons.ts'
import { Stopped } from '../../in-flight.ts'
import type { Asked } from './denial.ts'
import { denialAnswer } from './denial.ts'
import type { Message } from './message.ts'
import type { Reply } from './reply.ts'
import type { UpstreamCall, UpstreamFailure, UpstreamHead, UpstreamSink } from './upstream.ts'

const KEEP_ALIVE_MS = 20_000

/** How an exchange ended, for its outcome record. */
export interface Outcome {
  readonly result: 'ok' | 'error' | 'tool_error' | 'refused' | 'failed' | 'stopped' | 'gone'
  readonly code: string | undefined
  /** Bytes of messages that went to the client. */
  readonly bytes: number
}

export interface AnswerOptions {
  readonly res: Reply
  readonly asked: Asked
  readonly server: string
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** Inspects one message: the text to deliver, undefined to drop it, or why the answer is refused. */
  readonly deliver: (text: string) => Delivered | Promise<Delivered>
  /** Asks the server for the rest of a stream that it closed before the answer. */
  readonly resume: (lastEventId: string) => UpstreamCall
  /** The id to show the client for an event of the upstream. */
  readonly eventIdFor: (event: string) => string
  /** The session id to show the client for the upstream's own. */
  readonly sessionFor: (upstream: string) => string
  readonly onOutcome: (outcome: Outcome) => void
}

export type Delivered =
  | { readonly kind: 'pass'; readonly text: string; readonly message: Message }
  | { readonly kind: 'drop' }
  | { readonly kind: 'refuse'; readonly reason: Reason }

/**
 * Writes an upstream's answer to the client as it comes: JSON stays JSON, a stream stays a stream, each event is passed on as
 * soon as it is inspected. Messages keep their order also when inspecting one has to wait.
 */
export class Answer implements UpstreamSink {
  call: UpstreamCall | undefined
  readonly #o: AnswerOptions
  #head: UpstreamHead | undefined
  #queue: Promise<void> | undefined
  #answered = false
  #lastEventId: string | undefined
  #retryMs = 1000
  #resumeUntil = 0
  #finished = false
  #bytes = 0
  #outcome: Outcome['result'] = 'ok'
  #code: string | undefined
  #keepAlive: NodeJS.Timeout | undefined

  constructor(options: AnswerOptions) {
    this.#o = options
  }

  head(head: UpstreamHead): void {
    this.#head = head
    if (head.kind === 'sse' && head.status === 200) this.#startStream(head)
  }

  json(text: string): void {
    // Not the rest of a stream that was asked for.
    if (this.#o.res.headersSent) return
    this.#inOrder(() => this.#whole(text))
  }

  event(event: SseEvent): boolean {
    if (event.id !== undefined && SENDABLE_ID.test(event.id)) this.#lastEventId = event.id
    if (event.retry !== undefined) this.#retryMs = Math.max(event.retry, MIN_RETRY_MS)
    if (event.data) this.#resumeUntil = 0
    if (this.#queue !== undefined) {
      this.#inOrder(() => this.#one(event))
      return false
    }
    const done = this.#one(event)
    if (done !== undefined) this.#inOrder(() => done)
    return !this.#o.res.writableNeedDrain
  }

  end(failure?: UpstreamFailure): void {
    if (this.#queue !== undefined) this.#inOrder(() => this.#close(failure))
    else this.#close(failure)
  }

  #inOrder(work: () => void | Promise<void>): void {
    const next = (this.#queue ?? Promise.resolve()).then(work).catch(() => this.#fail(reason('INTERNAL')))
    this.#queue = next
    void next.then(() => {
      if (this.#queue !== next) return
      this.#queue = undefined
      if (!this.#o.res.writableNeedDrain) this.call?.resume()
    })
  }

  #startStream(head: UpstreamHead): void {
    const { res } = this.#o
    if (res.headersSent || res.destroyed) return
    res.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      ...this.#sessionHeader(head),
    })
    res.flushHeaders()
    // Proxies drop silent streams, and a client that is gone is only noticed by writing to it.
    this.#keepAlive = setInterval(() => this.#write(': keep-alive\n\n'), KEEP_ALIVE_MS)
    this.#keepAlive.unref()
    res.on('drain', () => this.call?.resume())
  }

  #sessionHeader(head: UpstreamHead): Record<string, string> {
    return head.session === undefined || this.#o.asked.method !== 'initialize'
      ? {}
      : { 'mcp-session-id': this.#o.sessionFor(head.session) }
  }

  #one(event: SseEvent): Promise<void> | undefined {
    if (event.data === undefined || event.data === '') {
      this.#write(`${this.#shown(event)}\n\n`)
      return undefined
    }
    const delivered = this.#o.deliver(event.data)
    if (delivered instanceof Promise) return delivered.then((late) => this.#emit(event, late))
    this.#emit(event, delivered)
    return undefined
  }

  #emit(event: SseEvent, delivered: Delivered): void {
    if (delivered.kind === 'drop' || this.#finished) return
    if (delivered.kind === 'refuse') return this.#fail(delivered.reason)
    this.#note(delivered.message)
    this.#bytes += delivered.text.length
    this.#write(`${this.#shown(event, delivered.text)}\n\n`)
  }

  /** The event as the client gets it: as received where nothing has to change. */
  #shown(event: SseEvent, data = event.data): string {
    const id = event.id === undefined ? undefined : this.#o.eventIdFor(event.id)
    const isSame = data === event.data && id === event.id && isPlainEvent(event)
    return isSame ? event.raw : rewritten(event, data, id)
  }

  async #whole(text: string): Promise<void> {
    const delivered = await this.#o.deliver(text)
    if (this.#finished) return
    if (delivered.kind === 'refuse') {
      const gone = this.#sessionGone && delivered.reason.code === 'UPSTREAM_PROTOCOL'
      return this.#fail(gone ? reason('SESSION_UNKNOWN') : delivered.reason)
    }
    const { res } = this.#o
    if (delivered.kind === 'drop') {
      return this.#fail(
        reason('UPSTREAM_PROTOCOL', { server: this.#o.server, detail: 'it gave no answer to this request' }),
      )
    }
    this.#note(delivered.message)
    const head = this.#head as UpstreamHead
    this.#bytes += delivered.text.length
    if (!res.headersSent && !res.destroyed) {
      res.writeHead(isPlain(head.status) ? head.status : 502, {
        'content-type': 'application/json',
        'cache-control': 'no-store',
        ...this.#sessionHeader(head),
      })
      res.end(delivered.text)
    }
  }

  /** What 404 means in the legacy era, whatever its body says (2025-11-25 transports). */
  get #sessionGone(): boolean {
    return this.#head?.status === 404 && this.#o.asked.era === 'legacy'
  }

  #note(message: Message): void {
    if (message.type !== 'response') return
    this.#answered = true
    if (message.error !== undefined) this.#outcome = 'error'
    else if ((message.result as { isError?: unknown } | null)?.isError === true) this.#outcome = 'tool_error'
  }

  #close(failure?: UpstreamFailure): void {
    if (this.#finished) return
    const { res, asked, server } = this.#o
    const stopped = this.#o.signal.reason instanceof Stopped ? this.#o.signal.reason.reason : undefined
    if (stopped) return this.#fail(stopped, 'stopped')
    if (failure)
      return this.#fail(
        failureReason(failure, server, this.#o.timeoutMs),
        failure.code === 'CANCELLED' ? 'gone' : 'failed',
      )
    if (this.#resumes()) return
    if (!res.headersSent && !res.destroyed) {
      const status = this.#head?.status ?? 502
      if (asked.id !== undefined && asked.method !== 'GET' && isPlain(status) && status < 300) {
        return this.#fail(reason('UPSTREAM_PROTOCOL', { server, detail: 'it gave no answer' }), 'failed')
      }
      if (this.#sessionGone) return this.#fail(reason('SESSION_UNKNOWN'), 'failed')
      if (!isPlain(status) || status === 404) {
        return this.#fail(
          reason('UPSTREAM_PROTOCOL', { server, detail: `it answered with HTTP status ${status}` }),
          'failed',
        )
      }
      res.writeHead(status, { 'cache-control': 'no-store' })
      res.end()
    } else if (
      asked.id !== undefined &&
      !this.#answered &&
      !res.writableEnded &&
      (asked.era === 'modern' || this.#lastEventId !== undefined) &&
      asked.method !== 'subscriptions/listen'
    ) {
      return this.#fail(
        reason('UPSTREAM_PROTOCOL', { server, detail: 'the stream ended without an answer' }),
        'failed',
      )
    }
    this.#finish()
  }

  /**
   * A legacy server may close a stream before the answer and expect to be asked for the rest (2025-11-25 transports, SEP-1699).
   * The gateway asks, so that the client's call stays one exchange and its answer is inspected as the answer to that call; also for a client that has
   * gone, which in that era is no cancellation, so that the outcome is known.
   */
  #resumes(): boolean {
    const { asked, signal, timeoutMs } = this.#o
    const id = this.#lastEventId
    if (id === undefined || asked.era !== 'legacy' || asked.id === undefined) return false
    if (this.#answered || this.#head?.kind !== 'sse' || this.#head.status !== 200) return false
    this.#resumeUntil ||= Date.now() + timeoutMs
    if (Date.now() + this.#retryMs > this.#resumeUntil) return false
    void delay(this.#retryMs, undefined, { signal }).then(
      () => {
        this.call = this.#o.resume(id)
      },
      () => this.#close({ code: 'CANCELLED' }),
    )
    return true
  }

  /** The client learns why there is no answer: as an HTTP answer, or as the last event of a stream that has begun. */
  #fail(why: Reason, result: Outcome['result'] = 'refused'): void {
    if (this.#finished) return
    this.#outcome = result
    this.#code = why.code
    const { res, asked } = this.#o
    const answer = denialAnswer(why, asked, undefined)
    if (!res.headersSent && !res.destroyed) {
      res.writeHead(answer.status, { ...answer.headers })
      res.end(answer.body)
    } else if (asked.id !== undefined && !this.#answered)
      this.#write(`event: message\ndata: ${answer.body}\n\n`)
    this.#finish()
  }

  #finish(): void {
    this.#finished = true
    clearInterval(this.#keepAlive)
    if (!this.#o.res.writableEnded) this.#o.res.end()
    this.#o.onOutcome({ result: this.#outcome, code: this.#code, bytes: this.#bytes })
  }

  #write(text: string): void {
    const { res } = this.#o
    if (!res.destroyed && !res.writableEnded) res.write(text)
  }
}

/** What can go into a header. */
const SENDABLE_ID = /^[\x21-\x7e]{1,1024}$/
/** However eager a server is to be asked again. */
const MIN_RETRY_MS = 50

/** Statuses an upstream may speak to our client in; redirects and its own authentication are its business with the gateway. */
const isPlain = (status: number): boolean =>
  status === 200 || status === 202 || status === 400 || status === 404 || status === 405 || status === 409

function failureReason(failure: UpstreamFailure, server: string, timeoutMs: number): Reason {
  switch (failure.code) {
    case 'UPSTREAM_TIMEOUT':
      return reason('UPSTREAM_TIMEOUT', { server, seconds: Math.ceil(timeoutMs / 1000) })
    case 'CANCELLED':
      return reason('CANCELLED')
    default:
      return reason(failure.code, { server, detail: failure.detail })
  }
}
