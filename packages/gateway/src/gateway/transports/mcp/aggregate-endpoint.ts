import { hash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { replaceValue } from '../../../lib/json-splice.ts'
import type { JsonObject } from '../../../model/json.ts'
import { isObject } from '../../../model/json.ts'
import { refuse } from '../../../model/refusal.ts'
import { newTraceId } from '../../../trace/ids.ts'
import { readBody } from '../../http-body.ts'
import type { Open } from '../../in-flight.ts'
import { NOBODY } from '../../in-flight.ts'
import { presentPrefixed, splitId, splitName, splitUri } from './aggregate.ts'
import { nextCursor, readCursors, withCursor } from './aggregate-cursors.ts'
import type { Part } from './aggregate-merge.ts'
import { answerOf, mergeDiscovery, mergeInitialize, mergeLists } from './aggregate-merge.ts'
import type { McpContext } from './context.ts'
import type { McpEndpoint, Work } from './endpoint.ts'
import { bodilessMethod } from './endpoint.ts'
import type { Received } from './receive.ts'
import { bodiless, receive } from './receive.ts'
import { Captured } from './reply.ts'
import type { SessionState } from './sessions.ts'
import { sessionHeader } from './sessions.ts'

const PURPOSE = 'mcp-aggregate'
const ALL = '*'

/** A legacy session with several servers: the upstream's own session ids by server. */
interface AggregateSession {
  readonly instance: string
  readonly task: string
  readonly upstreams: Readonly<Record<string, string>>
}

/**
 * `/mcp`: all servers the grant allows, behind one address. Every message goes through the same stages once per server it concerns;
 * names carry their server (`files__read_file`, `files+file:///…`). There is no standalone GET stream here.
 */
export class AggregateEndpoint {
  readonly #c: McpContext
  readonly #endpoint: McpEndpoint

  constructor(context: McpContext, endpoint: McpEndpoint) {
    this.#c = context
    this.#endpoint = endpoint
  }

  async handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const open: Open = { subject: NOBODY, abort: new AbortController() }
    try {
      if (req.method !== 'POST') {
        if (bodilessMethod(req) === 'GET') refuse('HTTP_METHOD_REFUSED', { method: 'GET' })
        return await this.#end(req, res)
      }
      const limits = this.#c.limits()
      const body = await readBody(req, limits.body, limits.bodyTimeoutMs)
      await this.#endpoint.assertNoStranger(req.headers)
      const received = receive(body, req.headers, ALL)
      const session = this.#session(req, received)
      const target = targetOf(received)
      if (target) await this.#one(req, res, received, session, target)
      else await this.#all(req, res, received, session)
    } catch (error) {
      this.#endpoint.fail(error, req, res, open, ALL)
    }
  }

  /** A message for one server, with the names that server knows. */
  async #one(
    req: IncomingMessage,
    res: ServerResponse,
    received: Received,
    session: AggregateSession | 'unknown' | undefined,
    target: Target,
  ): Promise<void> {
    const text = replaceValue(received.text, target.path, JSON.stringify(target.name))
    const message =
      received.message.type === 'response'
        ? { ...received.message, id: target.name }
        : { ...received.message, params: JSON.parse(text).params as JsonObject }
    await this.#serve({
      headers: {
        ...req.headers,
        ...(req.headers['mcp-name'] === undefined ? {} : { 'mcp-name': String(target.name) }),
      },
      method: 'POST',
      path: '/mcp',
      part: '',
      reply: res,
      received: { ...received, text, message } as Received,
      action: {
        ...received.action,
        server: target.server,
        name: received.action.name === undefined ? undefined : String(target.name),
        params: message.type === 'response' ? undefined : message.params,
      },
      session: sessionFor(session, target.server),
      present: (out, sent) => presentPrefixed(target.server, out, sent),
    })
  }

  /** A message for every server of the session or the grant. */
  async #all(
    req: IncomingMessage,
    res: ServerResponse,
    received: Received,
    session: AggregateSession | 'unknown' | undefined,
  ): Promise<void> {
    const cursors = readCursors(this.#c.sealer, received)
    const traceId = newTraceId()
    const servers = cursors ? Object.keys(cursors) : await this.#serversFor(req, session)
    const parts = await Promise.all(
      servers.map((server) =>
        this.#part(req, withCursor(received, cursors?.[server]), session, server, traceId),
      ),
    )
    const good = parts.filter((part) => part.result !== undefined)
    const first = parts[0] as Part
    if (good.length === 0) {
      // Nothing to merge: the first answer speaks for all, be it 202 for a notification or a denial.
      const best = parts.find((part) => part.reply.status < 300) ?? first
      res.writeHead(best.reply.status, best.reply.headers)
      res.end(best.reply.body)
      return
    }
    const id = received.message.type === 'request' ? received.message.id : undefined
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      'cache-control': 'no-store',
    }
    if (received.action.method === 'initialize') headers['mcp-session-id'] = this.#seal(good)
    res.writeHead(200, headers)
    const result = { ...merge(received, parts), ...nextCursor(this.#c.sealer, parts) }
    res.end(JSON.stringify({ jsonrpc: '2.0', id, result }))
  }

  async #part(
    req: IncomingMessage,
    received: Received,
    session: AggregateSession | 'unknown' | undefined,
    server: string,
    traceId: string,
  ): Promise<Part> {
    const reply = new Captured(this.#c.limits().body)
    await this.#serve({
      headers: req.headers,
      method: 'POST',
      path: '/mcp',
      part: server,
      reply,
      received,
      action: { ...received.action, server },
      session: sessionFor(session, server),
      traceId,
    })
    await reply.done
    return { server, reply, result: answerOf(reply, received) }
  }

  async #end(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const session = this.#session(req, undefined)
    const traceId = newTraceId()
    const replies = await Promise.all(
      (await this.#serversFor(req, session)).map(async (server) => {
        const reply = new Captured(this.#c.limits().body)
        await this.#serve({
          headers: req.headers,
          method: 'DELETE',
          path: '/mcp',
          part: server,
          reply,
          received: undefined,
          action: bodiless('DELETE', server),
          session: sessionFor(session, server),
          traceId,
        })
        await reply.done
        return reply
      }),
    )
    const worst = replies.find((reply) => reply.status >= 400) ?? (replies[0] as Captured)
    res.writeHead(worst.status, worst.headers)
    res.end(worst.body)
  }

  async #serve(work: Omit<Work, 'open'>): Promise<void> {
    const open: Open = { subject: NOBODY, abort: new AbortController() }
    this.#c.inFlight.add(open)
    try {
      await this.#endpoint.serve({ ...work, open })
    } catch (error) {
      this.#c.inFlight.remove(open)
      throw error
    }
  }

  /** Whom a message for all concerns. A caller who is not known gets one part, whose stages refuse it. */
  async #serversFor(
    req: IncomingMessage,
    session: AggregateSession | 'unknown' | undefined,
  ): Promise<string[]> {
    if (session !== undefined && session !== 'unknown') return Object.keys(session.upstreams)
    const token = req.headers.authorization?.split(' ')[1]
    const known = token && (await this.#c.authority.resolveToken(hash('sha256', token, 'hex')))
    const live = known && known.task !== undefined ? await this.#c.authority.liveTask(known.task) : undefined
    const servers = [...(live?.grant.servers ?? [])].filter((name) => this.#c.servers.get(name)).sort()
    return servers.length > 0 ? servers : [ALL]
  }

  #session(req: IncomingMessage, received: Received | undefined): AggregateSession | 'unknown' | undefined {
    const token = sessionHeader(req.headers, received?.era)
    if (token === undefined) return undefined
    const state = typeof token === 'string' ? this.#c.sealer.open(PURPOSE, token) : undefined
    return state === undefined ? 'unknown' : (JSON.parse(state) as AggregateSession)
  }

  #seal(parts: readonly Part[]): string {
    const upstreams: Record<string, string> = {}
    let owner: SessionState | undefined
    for (const part of parts) {
      const own = part.reply.headers['mcp-session-id']
      const state = own === undefined ? undefined : this.#endpoint.openSession(own)
      if (state) owner = state
      upstreams[part.server] = state?.upstream ?? ''
    }
    const { instance = '', task = '' } = owner ?? {}
    return this.#c.sealer.seal(PURPOSE, JSON.stringify({ instance, task, upstreams }))
  }
}

interface Target {
  readonly server: string
  readonly name: string | number
  /** Member of the message that names it. */
  readonly path: readonly string[]
}

/** The one server a message is for, or undefined when it is for all. @throws Refusal when it names none that could exist */
function targetOf({ message, action, row }: Received): Target | undefined {
  if (message.type === 'response') {
    const own = typeof message.id === 'string' ? splitId(message.id) : undefined
    if (!own) return refuse('MESSAGE_INVALID', { detail: '`id` answers no request' })
    return { ...own, path: ['id'] }
  }
  if (action.method === 'subscriptions/listen') return refuse('METHOD_UNKNOWN', { method: action.method })
  if (row?.target === 'name') return named(splitName(action.name ?? ''), action.name, ['params', 'name'])
  if (row?.target === 'uri') return named(splitUri(action.name ?? ''), action.name, ['params', 'uri'])
  if (action.kind !== 'complete') return undefined
  const ref = message.params?.ref
  if (!isObject(ref)) return refuse('PARAMS_INVALID', { detail: '`ref` must be an object' })
  return typeof ref.name === 'string'
    ? named(splitName(ref.name), ref.name, ['params', 'ref', 'name'])
    : named(splitUri(String(ref.uri)), String(ref.uri), ['params', 'ref', 'uri'])
}

function named(
  split: { server: string; name: string } | undefined,
  asked: string | undefined,
  path: readonly string[],
): Target {
  if (!split) return refuse('TOOL_UNKNOWN', { tool: (asked ?? '').slice(0, 100) })
  return { ...split, path }
}

/** The session of one server within an aggregate one. */
function sessionFor(session: AggregateSession | 'unknown' | undefined, server: string): Work['session'] {
  if (session === undefined || session === 'unknown') return session
  const upstream = session.upstreams[server]
  if (upstream === undefined) return 'unknown'
  if (upstream === '') return undefined
  return { server, instance: session.instance, task: session.task, upstream }
}

function merge(received: Received, parts: readonly Part[]): JsonObject {
  const { method } = received.action
  if (method === 'initialize') return mergeInitialize(parts)
  if (method === 'server/discover') return mergeDiscovery(parts)
  const lists = received.row?.lists
  if (lists) return mergeLists(parts, lists.member)
  return received.era === 'modern' ? { resultType: 'complete' } : {}
}
