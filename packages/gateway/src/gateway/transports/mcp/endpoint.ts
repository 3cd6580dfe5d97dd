import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { presentedHash } from '../../../identity/authenticate.ts'
import { certificateOf } from '../../../lib/client-certificate.ts'
import { newId } from '../../../lib/id.ts'
import type { Action, Era } from '../../../model/action.ts'
import type { JsonObject } from '../../../model/json.ts'
import { isObject } from '../../../model/json.ts'
import type { Principal } from '../../../model/principal.ts'
import type { Reason } from '../../../model/reasons.ts'
import { reason } from '../../../model/reasons.ts'
import { Refusal, refuse } from '../../../model/refusal.ts'
import { CallTrace } from '../../../trace/call-trace.ts'
import type { Exchange, Facts } from '../../exchange.ts'
import { readBody } from '../../http-body.ts'
import type { Open } from '../../in-flight.ts'
import { NOBODY, Stopped } from '../../in-flight.ts'
import type { Server } from '../../servers.ts'
import { Answer } from './answer.ts'
import { withAllowedCapabilities } from './capabilities.ts'
import type { McpContext } from './context.ts'
import { deliverer } from './deliver.ts'
import type { Asked, DenialAnswer } from './denial.ts'
import { denialAnswer } from './denial.ts'
import type { Message } from './message.ts'
import type { Received } from './receive.ts'
import { bodiless, receive } from './receive.ts'
import type { Reply } from './reply.ts'
import type { About } from './resumption.ts'
import { aboutOf, openEvent, resumption, sealEvent } from './resumption.ts'
import type { SessionState } from './sessions.ts'
import { Sessions, sessionHeader } from './sessions.ts'
import { withTraceMeta } from './trace-meta.ts'
import type { UpstreamRequest } from './upstream.ts'
import { VerifiedAt, verifier } from './verification.ts'

/** Request headers that an MCP server is meant to see; everything else stays here. */
const PASSED =
  /^(?:mcp-protocol-version|mcp-method|mcp-name|mcp-param-.{1,100}|last-event-id|accept|accept-language)$/

/** Longer ids of events are passed on as they are: nobody comes back with them in a header. */
const MAX_EVENT_ID = 1024

/** One request for one server, read. The aggregate endpoint makes several of one HTTP request. */
export interface Work {
  readonly headers: IncomingHttpHeaders
  readonly method: 'POST' | 'GET' | 'DELETE'
  /** Path of the endpoint, as the proof names it. */
  readonly path: string
  /** Tells the parts of one proof apart when a request is made for several servers; empty otherwise. */
  readonly part: string
  readonly reply: Reply
  readonly open: Open
  readonly action: Action
  /** Undefined for GET and DELETE. */
  readonly received: Received | undefined
  /** The client's session; `unknown` when it sent one that is not ours. */
  readonly session: SessionState | 'unknown' | undefined
  /** Of the trace that begins here when the request continues none. */
  readonly traceId?: string
  /** Last change to a delivered message, e.g. names as the aggregate endpoint shows them. */
  readonly present?: (text: string, message: Message) => string
}

/** `/mcp/{server}`: one server, transparently. */
export class McpEndpoint {
  readonly #c: McpContext
  readonly #verified = new VerifiedAt()
  readonly #sessions: Sessions

  constructor(context: McpContext) {
    this.#c = context
    this.#sessions = new Sessions(context.sealer)
  }

  async handle(req: IncomingMessage, res: ServerResponse, name: string): Promise<void> {
    const open: Open = { subject: NOBODY, abort: new AbortController() }
    this.#c.inFlight.add(open)
    try {
      const received = req.method === 'POST' ? await this.#receive(req, name) : undefined
      const method = received ? 'POST' : bodilessMethod(req)
      await this.serve({
        headers: req.headers,
        method,
        path: `/mcp/${name}`,
        part: '',
        reply: res,
        open,
        received,
        action: received?.action ?? bodiless(method as 'GET', name),
        session: this.#session(req, received),
      })
    } catch (error) {
      this.fail(error, req, res, open, name)
    }
  }

  /**
   * Whoever holds no token of ours is refused before their bytes are parsed, so that a stranger costs little. Whether it is theirs, and
   * good, is for the stages. @throws Refusal TOKEN_MISSING or TOKEN_INVALID
   */
  async assertNoStranger({ authorization }: IncomingHttpHeaders): Promise<void> {
    if (!(await this.#c.authority.resolveToken(presentedHash(authorization)))) refuse('TOKEN_INVALID')
  }

  /** A request that was refused before anything could be decided. */
  fail(error: unknown, req: IncomingMessage, res: ServerResponse, open: Open, name: string): void {
    this.#c.inFlight.remove(open)
    if (!(error instanceof Refusal)) this.#c.onBug(error)
    const why = error instanceof Refusal ? error.reason : reason('INTERNAL')
    this.#c.denials.unread(why, name)
    send(
      res,
      denialAnswer(why, NOTHING_ASKED, undefined),
      this.#c.challengeFor(why, (req.url ?? '/mcp').split('?', 1)[0] as string),
    )
    if (!req.complete) res.on('finish', () => req.destroy())
  }

  openSession(token: string): SessionState | undefined {
    return this.#sessions.open(token)
  }

  async #receive(req: IncomingMessage, name: string): Promise<Received> {
    const limits = this.#c.limits()
    const body = await readBody(req, limits.body, limits.bodyTimeoutMs)
    await this.assertNoStranger(req.headers)
    return receive(body, req.headers, name)
  }

  /** Runs the stages and, when all agree, forwards. */
  async serve(work: Work): Promise<void> {
    const { headers, reply, open, action, received } = work
    const server = this.#c.servers.get(action.server)
    const session = work.session === 'unknown' ? undefined : work.session?.upstream
    const exchange: Exchange = {
      id: newId('cal'),
      startedAt: performance.now(),
      signal: open.abort.signal,
      findings: new Set(),
      trace: new CallTrace({ meta: claimedParent(received), header: headers.traceparent }, work.traceId),
      facts: {
        presented: {
          authorization: headers.authorization,
          dpop: single(headers.dpop),
          method: work.method,
          url: this.#c.issuer + work.path,
          contentDigest: received ? action.contentDigest : undefined,
          certificate: certificateOf(headers)?.thumbprint,
          part: work.part,
        },
        action,
        objection: (principal, task) => this.#objection(work, server, principal, task),
        outgoing: received ? outgoingOf(received) : null,
      },
    }
    Object.assign(exchange.facts, {
      verifyTool: verifier(this.#c, this.#verified, exchange, server, session, headers),
    })
    reply.on('close', () => {
      // A legacy client that disconnects has not cancelled; a modern one has (2026-07-28 basic/patterns/cancellation).
      if (!reply.writableFinished && (action.era === 'modern' || work.method === 'GET')) open.abort.abort()
    })

    const { decision, stage } = await this.#c.pipeline.admit(exchange)
    if (decision.verdict.kind === 'deny' || !server) {
      return this.#deny(work, exchange, decision.reasons.at(-1) ?? reason('INTERNAL'), stage)
    }
    const stopped = open.abort.signal.reason
    if (stopped instanceof Stopped) {
      this.#c.outcome(exchange, { result: 'stopped', code: stopped.reason.code, bytes: 0 })
      this.#c.inFlight.remove(open)
      return send(reply, denialAnswer(stopped.reason, askedOf(work), (exchange.facts as Facts).intent))
    }
    try {
      await this.#c.introduced(server)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      this.#c.outcome(exchange, { result: 'failed', code: error.reason.code, bytes: 0 })
      this.#c.inFlight.remove(open)
      return send(reply, denialAnswer(error.reason, askedOf(work), (exchange.facts as Facts).intent))
    }
    this.#forward(work, exchange, server, session)
  }

  /** 15 to 18. */
  #forward(work: Work, exchange: Exchange, server: Server, session: string | undefined): void {
    const { reply, open, action, received } = work
    const facts = exchange.facts as Facts
    const lost = work.method === 'GET' ? openEvent(this.#c.sealer, work.headers, session) : undefined
    const about =
      lost?.about ?? (received && aboutOf(received.message, action.method, action.kind, received.row))
    const { trace } = exchange
    const traceparent = trace.outbound(this.#c.sampler)
    const own: UpstreamRequest = {
      method: work.method,
      body: received && forwarded(received, server, traceparent),
      id: about?.id,
      era: action.era,
      opens: action.method === 'initialize',
      session,
      headers: { ...passedHeaders(work.headers), traceparent },
      injection: facts.injection,
      task: facts.task.id,
      trace: trace.logged,
    }
    const request = lost ? resumption(own, lost.event) : own
    const answer = new Answer({
      res: reply,
      asked: lost ? { id: lost.about.id, method: lost.about.method, era: 'legacy' } : askedOf(work),
      server: server.name,
      timeoutMs: this.#c.timeoutMs(server),
      signal: exchange.signal,
      deliver: deliverer(this.#c, exchange, server, about, request, work.present),
      eventIdFor: this.#eventIds(action.era, session, about),
      sessionFor: (upstream) =>
        this.#sessions.seal({
          server: server.name,
          instance: facts.principal.instance,
          task: facts.task.id,
          upstream,
        }),
      resume: (lastEventId) =>
        server.upstream.send(resumption(request, lastEventId), answer, exchange.signal),
      onOutcome: (outcome) => {
        this.#c.inFlight.remove(open)
        this.#c.outcome(exchange, outcome)
      },
    })
    trace.forwardedAt = performance.now()
    answer.call = server.upstream.send(request, answer, exchange.signal)
  }

  /** Events of a legacy request's stream get ids that bring the client back to it. */
  #eventIds(era: Era, session: string | undefined, about: About | undefined): (event: string) => string {
    if (era !== 'legacy' || session === undefined || about?.id === undefined) return (event) => event
    return (event) => (event.length > MAX_EVENT_ID ? event : sealEvent(this.#c.sealer, session, about, event))
  }

  /** What stands against the request once its author is known. */
  #objection(
    work: Work,
    server: Server | undefined,
    principal: Principal,
    task: string | undefined,
  ): Reason | undefined {
    const { action, received, session } = work
    const limit = this.#c.limits().inFlight
    const subject = {
      agent: principal.agent,
      instance: principal.instance,
      task,
      server: action.server,
      tool: action.kind === 'tool' ? action.name : undefined,
    }
    if (!this.#c.inFlight.claim(work.open, subject, limit)) return reason('TOO_MANY_OPEN', { limit })
    if (!server) return reason('SERVER_UNKNOWN', { server: action.server.slice(0, 60) })
    if (received && received.message.type !== 'response' && !received.row) {
      return reason('METHOD_UNKNOWN', { method: action.method })
    }
    if (received?.mismatch) return received.mismatch
    if (session === undefined) return undefined
    const own =
      session !== 'unknown' &&
      session.server === action.server &&
      session.instance === principal.instance &&
      session.task === task
    return own ? undefined : reason('SESSION_UNKNOWN')
  }

  async #deny(work: Work, exchange: Exchange, why: Reason, stage: string | undefined): Promise<void> {
    const recorded = await this.#c.denials.record(exchange, why, stage)
    this.#c.inFlight.remove(work.open)
    const answer = denialAnswer(why, askedOf(work), recorded)
    send(work.reply, answer, this.#c.challengeFor(why, work.path))
  }

  #session(req: IncomingMessage, received: Received | undefined): SessionState | 'unknown' | undefined {
    const token = sessionHeader(req.headers, received?.era)
    if (token === undefined) return undefined
    return (typeof token === 'string' && this.#sessions.open(token)) || 'unknown'
  }
}

const NOTHING_ASKED: Asked = { id: undefined, method: undefined, era: 'legacy' }

const askedOf = ({ action, received }: Work): Asked => ({
  id: received?.message.type === 'request' ? received.message.id : undefined,
  method: action.method,
  era: action.era,
})

export function bodilessMethod(req: IncomingMessage): 'GET' | 'DELETE' {
  const { method } = req
  if ((method === 'GET' || method === 'DELETE') && req.headers['mcp-protocol-version'] !== '2026-07-28')
    return method
  return refuse('HTTP_METHOD_REFUSED', { method: String(method).slice(0, 20) })
}

/** Where the client says that its call belongs (SEP-414). */
function claimedParent(received: Received | undefined): unknown {
  const { message } = received ?? {}
  const meta = message && message.type !== 'response' ? message.params?._meta : undefined
  return isObject(meta) ? meta.traceparent : undefined
}

/** 15: what was inspected, without what this server is not to know, and with the gateway's own place in the trace. */
function forwarded({ text, message }: Received, { config }: Server, traceparent: string): string {
  const allowed = withAllowedCapabilities(text, message, config.may_ask).text
  return withTraceMeta(allowed, message, traceparent, config.trace)
}

/** Everything in a message that its author chose, its id too. */
function outgoingOf({ message, extra }: Received): JsonObject {
  if (message.type === 'response')
    return { ...extra, id: message.id ?? null, result: message.result ?? null, error: message.error ?? null }
  const { params = null } = message
  return message.type === 'request' ? { ...extra, id: message.id, params } : { ...extra, params }
}

/** Asks for the rest of the answer to a call whose stream the server closed. */
function passedHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const passed: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value === 'string' && PASSED.test(name)) passed[name] = value
  }
  return passed
}

const single = (value: string | string[] | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined

function send(res: Reply, answer: DenialAnswer, headers: Readonly<Record<string, string>> = {}): void {
  if (res.headersSent || res.destroyed) return
  res.writeHead(answer.status, { 'cache-control': 'no-store', ...answer.headers, ...headers })
  res.end(answer.body)
}
