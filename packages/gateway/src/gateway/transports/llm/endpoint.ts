import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { ModelApi } from '../../../config/schema.ts'
import { blocking, handlingOf } from '../../../firewall/handling.ts'
import { noteFindings } from '../../../firewall/scanner.ts'
import { presentedHash } from '../../../identity/authenticate.ts'
import { certificateOf } from '../../../lib/client-certificate.ts'
import { newId } from '../../../lib/id.ts'
import type { LogPosition } from '../../../model/evidence.ts'
import type { Principal } from '../../../model/principal.ts'
import type { Reason } from '../../../model/reasons.ts'
import { reason } from '../../../model/reasons.ts'
import { Refusal, refuse } from '../../../model/refusal.ts'
import { CallTrace } from '../../../trace/call-trace.ts'
import type { Exchange, Facts } from '../../exchange.ts'
import { readBody } from '../../http-body.ts'
import type { Open } from '../../in-flight.ts'
import { NOBODY } from '../../in-flight.ts'
import { Answer } from './answer.ts'
import { decider } from './calls.ts'
import type { LlmContext } from './context.ts'
import { denial } from './denial.ts'
import type { Provider } from './providers.ts'
import { ask } from './providers.ts'
import type { Arrived, Forwarded, Received } from './receive.ts'
import { receive } from './receive.ts'

/** One request, read. */
interface Work {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly open: Open
  /** As the proof names it. */
  readonly path: string
  readonly arrived: Arrived
  readonly received: Received
  readonly provider: Provider | undefined
}

/** `/llm/{provider}/…`: a provider's own inference endpoints, for its unmodified SDK. */
export class LlmEndpoint {
  readonly #c: LlmContext

  constructor(context: LlmContext) {
    this.#c = context
  }

  async handle(req: IncomingMessage, res: ServerResponse, path: string): Promise<void> {
    const [, provider = '', below = ''] = /^\/llm\/([^/]{0,200})(.{0,1000})/s.exec(path) ?? []
    const open: Open = { subject: NOBODY, abort: new AbortController() }
    this.#c.inFlight.add(open)
    res.on('close', () => {
      if (!res.writableFinished) open.abort.abort()
    })
    try {
      const known = this.#c.providers.get(provider)
      const limits = this.#c.limits()
      const body = await readBody(req, limits.body, limits.bodyTimeoutMs)
      await this.#assertNoStranger(req.headers)
      const arrived: Arrived = {
        method: req.method ?? '',
        provider,
        path: below,
        query: (req.url ?? '').split('?').slice(1).join('?'),
        headers: req.headers,
        body,
      }
      const received = receive(arrived, known?.config)
      await this.#serve({ req, res, open, path, arrived, received, provider: known })
    } catch (error) {
      if (!(error instanceof Refusal)) this.#c.onBug(error)
      const why = error instanceof Refusal ? error.reason : reason('INTERNAL')
      this.#c.denials.unread(why, provider)
      this.#refuse(req, res, why, undefined)
    } finally {
      this.#c.inFlight.remove(open)
    }
  }

  /** Whoever holds no token of ours is refused before their bytes are parsed. @throws Refusal TOKEN_MISSING or TOKEN_INVALID */
  async #assertNoStranger({ authorization }: IncomingHttpHeaders): Promise<void> {
    if (!(await this.#c.authority.resolveToken(presentedHash(authorization)))) refuse('TOKEN_INVALID')
  }

  /** Runs the stages and, when all agree, forwards. */
  async #serve({ req, res, open, path, arrived, received, provider }: Work): Promise<void> {
    const { action, turns, forwarded } = received
    const { headers, method, body } = arrived
    const exchange: Exchange = {
      id: newId('cal'),
      startedAt: performance.now(),
      signal: open.abort.signal,
      findings: new Set(),
      trace: new CallTrace({ header: headers.traceparent }),
      facts: {
        presented: {
          authorization: headers.authorization,
          dpop: typeof headers.dpop === 'string' ? headers.dpop : undefined,
          method,
          url: this.#c.issuer + path,
          contentDigest: body.length > 0 ? action.contentDigest : undefined,
          certificate: certificateOf(headers)?.thumbprint,
          part: '',
        },
        action,
        turns,
        objection: (principal, task) =>
          this.#claimed(open, action.server, principal, task) ?? received.objection,
        verifyTool: () => {},
        outgoing: forwarded ? { headers: forwarded.headers, body: forwarded.body } : null,
      },
    }
    const { decision, stage } = await this.#c.pipeline.admit(exchange)
    if (decision.verdict.kind === 'deny' || !provider || !forwarded) {
      const why = decision.reasons.at(-1) ?? reason('INTERNAL')
      const recorded = await this.#c.denials.record(exchange, why, stage)
      return this.#refuse(req, res, why, recorded)
    }
    await this.#forward(res, exchange, provider, forwarded)
  }

  async #forward(
    res: ServerResponse,
    exchange: Exchange,
    provider: Provider,
    forwarded: Forwarded,
  ): Promise<void> {
    const { grant, injection, action } = exchange.facts as Facts
    const { authority, scanner } = this.#c
    const onFindings: Parameters<LlmContext['gates']>[0] = (findings) =>
      noteFindings(exchange.findings, 'in', findings)
    const rules = handlingOf(this.#c.rules(), 'results', provider.name)
    const handling = rules && blocking(rules)
    const answer = new Answer({
      res,
      codec: forwarded.codec,
      hooks: {
        gate: this.#c.gates(onFindings, handling),
        decide: decider({
          grant,
          scanner,
          handling,
          tools: (server) => authority.tools(server),
          onFindings,
          onRemoved: (why, tool) => this.#c.blocked(exchange, why, { method: action.method, name: tool }),
        }),
      },
      scanner,
      handling,
      provider,
      limit: this.#c.answerLimit(),
      signal: exchange.signal,
      headers: { 'ostiary-call': exchange.id },
    })
    try {
      const outcome = await answer.deliver(async () => {
        await this.#c.asked(exchange)
        // The key may be a newer one than the address.
        if (this.#c.providers.get(provider.name) !== provider)
          refuse('UPSTREAM_UNREACHABLE', {
            server: provider.name,
            detail: 'its configuration has just changed',
          })
        exchange.trace.forwardedAt = performance.now()
        const traceparent = exchange.trace.outbound(this.#c.sampler)
        return await ask(provider, forwarded, { injection, traceparent }, exchange.signal)
      })
      this.#c.outcome(exchange, outcome)
    } catch (error) {
      this.#c.outcome(exchange, { result: 'failed', code: 'INTERNAL', bytes: 0 })
      throw error
    }
  }

  /** Counts the call against its instance, now that it is known whose it is. */
  #claimed(
    open: Open,
    server: string,
    { agent, instance }: Principal,
    task: string | undefined,
  ): Reason | undefined {
    const limit = this.#c.limits().inFlight
    const subject = { agent, instance, task, server, tool: undefined }
    return this.#c.inFlight.claim(open, subject, limit) ? undefined : reason('TOO_MANY_OPEN', { limit })
  }

  #refuse(req: IncomingMessage, res: ServerResponse, why: Reason, recorded: LogPosition | undefined): void {
    if (res.headersSent || res.destroyed) {
      // A stream that broke off must not look like one that ended.
      if (!res.writableEnded) res.destroy()
      return
    }
    const answer = denial(spokenBy(req), why, recorded)
    res.writeHead(answer.status, {
      'cache-control': 'no-store',
      ...answer.headers,
      ...this.#c.challengeFor(why, '/mcp'),
    })
    res.end(answer.body)
    if (!req.complete) res.on('finish', () => req.destroy())
  }
}

/** In whose shape to say no, also to a request that is for no endpoint at all. */
function spokenBy({ url = '', headers }: IncomingMessage): ModelApi {
  if (headers['anthropic-version'] !== undefined || /\/messages(\/|\?|$)/.test(url))
    return 'anthropic-messages'
  if (headers['x-goog-api-key'] !== undefined || /:(stream)?[gG]enerateContent/.test(url)) return 'gemini'
  return 'openai-chat'
}
