import type { IncomingMessage } from 'node:http'
import type { Principal } from '../../../model/principal.ts'
import { reason } from '../../../model/reasons.ts'
import { Refusal } from '../../../model/refusal.ts'
import type { Exchange, Facts } from '../../exchange.ts'
import type { Server } from '../../servers.ts'
import type { McpContext } from './context.ts'
import { checkParamHeaders, paramHeaders } from './headers.ts'
import { listAll } from './verify.ts'

const MAX_SESSIONS = 10_000

/**
 * When the definitions of a kind were last seen unchanged, by upstream session: the caller's own session is asked, because a server
 * may show different callers different tools.
 */
export class VerifiedAt {
  readonly #at = new Map<string, number>()

  fresh(key: string, now: number, maxAgeMs: number, staleSince: number): boolean {
    const at = this.#at.get(key)
    return at !== undefined && now - at < maxAgeMs && at > staleSince
  }

  set(key: string, now: number): void {
    this.#at.delete(key)
    if (this.#at.size >= MAX_SESSIONS) this.#at.delete(this.#at.keys().next().value as string)
    this.#at.set(key, now)
  }
}

/**
 * The `verifyTool` fact: returns at once while the last look is fresh, otherwise lists again in the caller's session and lets the
 * registry compare. Then, in the modern era, checks `Mcp-Param-*` against the pinned schema.
 */
export function verifier(
  context: McpContext,
  seen: VerifiedAt,
  exchange: Exchange,
  server: Server | undefined,
  session: string | undefined,
  headers: IncomingMessage['headers'],
): () => Promise<void> {
  return async () => {
    const { action, task } = exchange.facts as Facts & { principal: Principal }
    if (!server) return
    await context.introduced(server)
    const kind = action.kind === 'prompt' ? 'prompt' : 'tool'
    const key = `${server.name}\n${kind}\n${action.era === 'modern' ? task.id : (session ?? '')}`
    if (!seen.fresh(key, performance.now(), context.reverifyMs(server), server.staleSince)) {
      const startedAt = performance.now()
      const version = headers['mcp-protocol-version']
      const definitions = await listAll(
        {
          server,
          era: action.era,
          session,
          version: typeof version === 'string' ? version : undefined,
          injection: await context.authority.injection(server.name, task.id, exchange.trace.logged),
          task: task.id,
          signal: exchange.signal,
        },
        kind,
      )
      await context.authority.observe(server.name, { instructions: server.instructions, kind, definitions })
      // A definition that is no longer offered cannot have been called with the pinned one in mind.
      if (!definitions.some((definition) => definition.name === action.name)) {
        throw new Refusal(
          reason('TOOL_UNVERIFIED', {
            tool: `${server.name}/${action.name}`,
            detail: 'the server no longer offers it',
          }),
        )
      }
      seen.set(key, startedAt)
    }
    if (action.era !== 'modern' || kind !== 'tool') return
    const views = await context.authority.tools(server.name)
    const pinned = views.get(`tool:${action.name}`)?.pinned
    const mismatch = checkParamHeaders(headers, paramHeaders(pinned?.inputSchema), action.args)
    if (mismatch) throw new Refusal(mismatch)
  }
}
