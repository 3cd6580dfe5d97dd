import type { Context } from 'hono'
import { idsOf } from '../../model/lineage.ts'
import type { Actor, Principal } from '../../model/principal.ts'
import { refuse } from '../../model/refusal.ts'
import type { KnownInstance } from '../instances.ts'
import type { Bound } from './binding.ts'
import { BEARER_LIFETIME_MS } from './binding.ts'
import type { AuthorizationServer, TaskAndGrant } from './context.ts'
import { authorizationDetails } from './details.ts'

export const principalOf = (
  holder: KnownInstance,
  bound: Pick<Bound, 'binding' | 'jkt'>,
  chain: readonly Actor[] = [{ agent: holder.agent, instance: holder.id }],
): Principal => ({
  agent: holder.agent,
  agentName: holder.agentName,
  instance: holder.id,
  jkt: bound.jkt,
  binding: bound.binding,
  sponsor: holder.sponsor,
  chain,
})

/**
 * Issues an access token and answers with it (RFC 6749 section 5.1, RFC 9449 section 5, RFC 8705 section 3, RFC 9396 section 7).
 * It lives no longer than the task, the key, what vouched for the holder and, when it is bound to no key, five minutes.
 * @throws Refusal TASK_REQUIRED when it would be bound to neither a key nor a task
 */
export async function issueToken(
  as: AuthorizationServer,
  c: Context,
  input: {
    readonly holder: KnownInstance
    readonly bound: Bound
    readonly work: TaskAndGrant | undefined
    /** Members beside the usual ones: `issued_token_type`, `refresh_token`. */
    readonly also?: Readonly<Record<string, string>>
  },
): Promise<Response> {
  const { holder, bound, work } = input
  if (bound.binding === 'bearer' && work === undefined) refuse('TASK_REQUIRED')
  const now = as.clock.now()
  const lineage = work === undefined ? [] : idsOf(work.task.lineage)
  const chain = lineage.length > 1 ? await as.tokens.chainOf(lineage) : undefined
  const principal = principalOf(holder, bound, chain)
  const longest =
    bound.binding === 'bearer' ? Math.min(as.tokenLifetimeMs, BEARER_LIFETIME_MS) : as.tokenLifetimeMs
  const expiresAt = Math.min(
    now + longest,
    work?.task.expiresAt ?? Number.POSITIVE_INFINITY,
    bound.notAfter ?? Number.POSITIVE_INFINITY,
    holder.vouchedUntil ?? Number.POSITIVE_INFINITY,
  )
  await as.recorder.append({
    type: 'token.issued',
    actor: {
      kind: 'agent',
      agent: holder.agent,
      instance: holder.id,
      ...(bound.binding === 'dpop' ? {} : { binding: bound.binding }),
    },
    ...(work === undefined ? {} : { task: work.task.id }),
    data: { jkt: principal.jkt, binding: bound.binding, expires_at: expiresAt },
  })
  const token = await as.tokens.issue({ principal, task: work?.task.id, lineage, expiresAt })
  c.header('cache-control', 'no-store')
  return c.json({
    access_token: token,
    token_type: bound.binding === 'dpop' ? 'DPoP' : 'Bearer',
    expires_in: Math.floor((expiresAt - now) / 1000),
    // Not of an RFC: the client is asked to take a new key, and how long it has.
    ...(bound.isDue && bound.notAfter !== undefined
      ? { rotate_key_within: Math.floor((bound.notAfter - now) / 1000) }
      : {}),
    ...input.also,
    ...(work === undefined
      ? {}
      : { authorization_details: authorizationDetails(as.issuer, work.task, work.grant) }),
  })
}
