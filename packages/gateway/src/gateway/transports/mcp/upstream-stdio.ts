import { randomUUID } from 'node:crypto'
import { newId } from '../../../lib/id.ts'
import { replaceValue } from '../../../lib/json-splice.ts'
import type { SseEvent } from '../../../lib/sse.ts'
import type { LogTrace } from '../../../model/evidence.ts'
import type { Json } from '../../../model/json.ts'
import { isObject } from '../../../model/json.ts'
import type { Id } from './message.ts'
import type { Launch } from './stdio-child.ts'
import { StdioChild } from './stdio-child.ts'
import type { Upstream, UpstreamCall, UpstreamFailure, UpstreamRequest, UpstreamSink } from './upstream.ts'

const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId'
const MAX_CHILDREN = 64
const MAX_HELD = 100

interface Pending {
  readonly clientId: Id
  readonly progressToken: Json | undefined
  readonly sink: UpstreamSink
  streaming: boolean
  settle(failure?: UpstreamFailure): void
  touch(): void
}

/** One run of the program. */
export interface Run {
  /** `prc_…`; process ids of the system come back. */
  readonly id: string
  readonly task: string
  /** The call it was started for. */
  readonly trace: LogTrace | undefined
}

/** Told of each child process, once it runs and once it has ended. */
export interface RunEvents {
  started(run: Run): void
  /** `code` is null where a signal ended it, or it never ran. */
  ended(run: Run, end: { readonly code: number | null; readonly detail: string }): void
}

/** One child process: a legacy session, or all modern requests of one task. */
interface Session {
  readonly id: string
  readonly task: string
  readonly child: StdioChild
  readonly pending: Map<Id, Pending>
  /** The open GET stream (legacy), and what came while there was none. */
  stream: { sink: UpstreamSink; settle(failure?: UpstreamFailure): void } | undefined
  held: string[]
}

export interface StdioUpstream extends Upstream {
  /** Process ids, for people and tests. */
  readonly pids: readonly number[]
}

/** An MCP server over stdio: one child per legacy session, one per task for modern requests. */
export function stdioUpstream(options: {
  launch: (injected: Readonly<Record<string, string>>) => Launch
  timeoutMs: number
  maxMessage: number
  onStderr: (text: string) => void
  runs: RunEvents
}): StdioUpstream {
  const sessions = new Map<string, Session>()
  const backoff = new Backoff()
  let nextId = 1

  const start = (id: string, request: UpstreamRequest): Session | UpstreamFailure => {
    if (sessions.size >= MAX_CHILDREN) return unreachable('too many of its processes are running')
    const wait = backoff.wait()
    if (wait > 0) return unreachable(`it keeps exiting; the next start is in ${Math.ceil(wait / 1000)} s`)
    const startedAt = performance.now()
    const run: Run = { id: newId('prc'), task: request.task, trace: request.trace }
    const child = new StdioChild(options.launch(request.injection.env), options.maxMessage, {
      line: (text) => onLine(session, text),
      stderr: options.onStderr,
      exit: (detail, code) => {
        options.runs.ended(run, { code, detail })
        sessions.delete(id)
        if (!child.stopped) backoff.exited(performance.now() - startedAt)
        const failure = session.pending.size > 0 ? { code: 'UPSTREAM_PROTOCOL' as const, detail } : undefined
        for (const pending of [...session.pending.values()]) pending.settle(failure)
        session.stream?.settle()
      },
    })
    options.runs.started(run)
    const session: Session = {
      id,
      task: request.task,
      child,
      pending: new Map(),
      stream: undefined,
      held: [],
    }
    sessions.set(id, session)
    return session
  }

  const find = (request: UpstreamRequest): Session | UpstreamFailure | undefined => {
    if (request.era === 'modern') {
      const id = `modern:${request.task}`
      return sessions.get(id) ?? start(id, request)
    }
    if (request.opens) return start(randomUUID(), request)
    if (request.session === undefined) return undefined
    const session = sessions.get(request.session)
    return session?.task === request.task ? session : undefined
  }

  const send = (request: UpstreamRequest, sink: UpstreamSink, signal: AbortSignal): UpstreamCall => {
    const none = { resume: () => {} }
    const session = find(request)
    if (session === undefined) {
      sink.head({ status: 404, kind: 'empty', session: undefined })
      sink.end()
    } else if ('code' in session) sink.end(session)
    else if (request.method === 'DELETE') {
      session.child.stop()
      sink.head({ status: 200, kind: 'empty', session: undefined })
      sink.end()
    } else if (request.method === 'GET') listen(session, sink, signal)
    else if (request.id === undefined) {
      const written = session.child.write(oneLine(request.body as string))
      if (written) sink.head({ status: 202, kind: 'empty', session: undefined })
      sink.end(written ? undefined : unreachable('it does not read its input'))
    } else ask(session, request, request.id, sink, signal, options.timeoutMs, () => nextId++)
    return none
  }

  return {
    send,
    stop(task) {
      for (const session of sessions.values()) {
        if (task === undefined || session.task === task) session.child.stop()
      }
    },
    get pids() {
      return [...sessions.values()].flatMap((session) => session.child.pid ?? [])
    },
    async [Symbol.asyncDispose]() {
      for (const session of sessions.values()) session.child.stop()
    },
  }
}

function ask(
  session: Session,
  request: UpstreamRequest,
  clientId: Id,
  sink: UpstreamSink,
  signal: AbortSignal,
  timeoutMs: number,
  freshId: () => number,
): void {
  // Modern requests of one task share a child and may come over several connections, so their ids could meet.
  const wireId: Id = request.era === 'modern' ? freshId() : clientId
  if (session.pending.has(wireId)) {
    sink.end({ code: 'UPSTREAM_PROTOCOL', detail: 'a request with this id is open already' })
    return
  }
  const body = oneLine(request.body as string)
  const params = (JSON.parse(body) as { params?: Json }).params
  const meta = isObject(params) && isObject(params._meta) ? params._meta : {}
  const subscription = request.headers['mcp-method'] === 'subscriptions/listen'
  const timer = subscription
    ? undefined
    : setTimeout(() => {
        cancel(session, wireId, 'timeout')
        pending.settle({ code: 'UPSTREAM_TIMEOUT' })
      }, timeoutMs)
  const onAbort = () => {
    cancel(session, wireId, 'cancelled')
    pending.settle({ code: 'CANCELLED' })
  }
  const pending: Pending = {
    clientId,
    progressToken: meta.progressToken,
    sink,
    streaming: false,
    settle(failure) {
      if (!session.pending.delete(wireId)) return
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      sink.end(failure)
    },
    touch: () => timer?.refresh(),
  }
  session.pending.set(wireId, pending)
  if (signal.aborted) return onAbort()
  signal.addEventListener('abort', onAbort, { once: true })
  const text = wireId === clientId ? body : replaceValue(body, ['id'], JSON.stringify(wireId))
  if (!session.child.write(text)) pending.settle(unreachable('it does not read its input'))
}

function listen(session: Session, sink: UpstreamSink, signal: AbortSignal): void {
  session.stream?.settle()
  const settle = (failure?: UpstreamFailure) => {
    if (session.stream?.sink !== sink) return
    session.stream = undefined
    sink.end(failure)
  }
  session.stream = { sink, settle }
  signal.addEventListener('abort', () => settle({ code: 'CANCELLED' }), { once: true })
  sink.head({ status: 200, kind: 'sse', session: undefined })
  for (const text of session.held.splice(0)) sink.event(asEvent(text))
}

function onLine(session: Session, text: string): void {
  let value: Json
  try {
    value = JSON.parse(text) as Json
  } catch {
    return // Servers print banners on stdout; they are no messages.
  }
  if (!isObject(value)) return
  if (value.method === undefined) return answer(session, text, value.id)
  const params = isObject(value.params) ? value.params : undefined
  const meta = isObject(params?._meta) ? params._meta : undefined
  const subscription = meta?.[SUBSCRIPTION]
  if (typeof subscription === 'number' || typeof subscription === 'string') {
    const pending = session.pending.get(subscription)
    if (!pending) return
    const path = ['params', '_meta', SUBSCRIPTION]
    return stream(session, pending, replaceValue(text, path, JSON.stringify(pending.clientId)))
  }
  const open = [...session.pending.values()]
  const owner =
    value.method === 'notifications/progress'
      ? open.find(
          (pending) => pending.progressToken !== undefined && pending.progressToken === params?.progressToken,
        )
      : open.at(-1)
  if (owner) stream(session, owner, text)
  else if (session.stream) session.stream.sink.event(asEvent(text))
  else if (session.held.length < MAX_HELD) session.held.push(text)
}

/** An answer to an id that nobody asked with is dropped: it can match no request. */
function answer(session: Session, text: string, id: Json | undefined): void {
  const pending = typeof id === 'string' || typeof id === 'number' ? session.pending.get(id) : undefined
  if (!pending) return
  const reply = id === pending.clientId ? text : replaceValue(text, ['id'], JSON.stringify(pending.clientId))
  if (pending.streaming) pending.sink.event(asEvent(reply))
  else {
    pending.sink.head({ status: 200, kind: 'json', session: session.id })
    pending.sink.json(reply)
  }
  pending.settle()
}

function stream(session: Session, pending: Pending, text: string): void {
  if (!pending.streaming) {
    pending.streaming = true
    pending.sink.head({ status: 200, kind: 'sse', session: session.id })
  }
  pending.touch()
  pending.sink.event(asEvent(text))
}

function cancel(session: Session, requestId: Id, reason: string): void {
  session.child.write(
    JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId, reason } }),
  )
}

const asEvent = (text: string): SseEvent => ({
  raw: `event: message\ndata: ${text}`,
  event: 'message',
  id: undefined,
  retry: undefined,
  data: text,
})

/** Line breaks in valid JSON stand only between tokens, so a space says the same. */
const oneLine = (text: string): string => text.replace(/[\r\n]+/g, ' ')

const unreachable = (detail: string): UpstreamFailure & { code: 'UPSTREAM_UNREACHABLE' } => ({
  code: 'UPSTREAM_UNREACHABLE',
  detail,
})

/** A server that exits soon after its start is started again at growing distances: 0.5 s doubling to 30 s. */
class Backoff {
  #failures = 0
  #until = 0

  wait(): number {
    return Math.max(0, this.#until - performance.now())
  }

  exited(livedMs: number): void {
    this.#failures = livedMs < 10_000 ? this.#failures + 1 : 0
    if (this.#failures < 2) return
    this.#until = performance.now() + Math.min(30_000, 500 * 2 ** (this.#failures - 2))
  }
}
