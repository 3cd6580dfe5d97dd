import { hash, randomUUID } from 'node:crypto'
import type { Context } from 'hono'
import { equalBytes } from '../../lib/bytes.ts'
import { refuse } from '../../model/refusal.ts'
import { provenKey } from '../authorization-server/binding.ts'
import type { AuthorizationServer } from '../authorization-server/context.ts'
import type { Form } from '../authorization-server/form.ts'
import { issueToken, principalOf } from '../authorization-server/issue.ts'
import type { KnownInstance } from '../instances.ts'
import { assertActive } from '../instances.ts'
import type { ProvenKey } from '../proofs.ts'
import type { Clients } from './clients.ts'
import type { Codes, Consent, Redeemed } from './codes.ts'
import { REFRESH_PREFIX } from './codes.ts'

export interface InteractiveDeps {
  readonly clients: Clients
  readonly codes: Codes
}

/**
 * `grant_type=authorization_code` (OAuth 2.1 section 4.1.3, RFC 7636, RFC 9449 section 10): the code becomes an instance of the client's agent
 * and a task on behalf of the person who signed in. The instance ends with the task.
 */
export async function authorizationCode(
  deps: InteractiveDeps,
  as: AuthorizationServer,
  c: Context,
  form: Form,
): Promise<Response> {
  const code = form.get('code') ?? ''
  const consent = await first(as, await deps.codes.redeem(code))
  const verifier = form.get('code_verifier') ?? ''
  const challenge = hash('sha256', verifier, 'base64url')
  const isMeant =
    form.get('client_id') === consent.clientId &&
    form.get('redirect_uri') === consent.redirectUri &&
    verifier.length >= 43 &&
    verifier.length <= 128 &&
    equalBytes(Buffer.from(challenge), Buffer.from(consent.challenge))
  if (!isMeant) refuse('CODE_INVALID')
  const key = provenKey(as, c)
  if (consent.jkt !== undefined && key?.jkt !== consent.jkt) refuse('PROOF_KEY_MISMATCH')
  const holder = await newInstance(as, consent, key)
  try {
    const work = await as.tasks.open(
      principalOf(holder, { binding: 'bearer', jkt: '' }),
      consent.wish,
      consent.person,
    )
    await as.instances.endWith(holder.id, work.task.id)
    await deps.codes.came(code, work.task.id)
    await deps.clients.used(consent.clientId)
    return await answer(deps, as, c, { holder, key, work, clientId: consent.clientId })
  } catch (error) {
    await as.instances.revoke(holder.id, { kind: 'gateway' }).catch(as.onBug)
    throw error
  }
}

/** `grant_type=refresh_token`: rotated at each use; a second use of one ends the task (RFC 9700 section 4.14.2). */
export async function refreshToken(
  deps: InteractiveDeps,
  as: AuthorizationServer,
  c: Context,
  form: Form,
): Promise<Response> {
  const token = form.get('refresh_token') ?? ''
  const known = await deps.codes.peekRefresh(token)
  const holder = known && (await as.instances.find(known.instance))
  if (!known || !holder || form.get('client_id') !== known.clientId) return refuse('CODE_INVALID')
  const key = provenKey(as, c)
  // The key is asked before the token is used up: somebody without it can neither use it nor spoil it.
  if (holder.keys.length > 0 && !holder.keys.some(({ jkt }) => jkt === key?.jkt)) refuse('PROOF_KEY_MISMATCH')
  const ticket = await first(as, await deps.codes.redeemRefresh(token))
  assertActive(holder)
  const work = as.tasks.live(ticket.task)
  if (!work) return refuse('CODE_INVALID')
  return await answer(deps, as, c, { holder, key, work, clientId: ticket.clientId })
}

/**
 * RFC 7009 section 2.1: whoever holds a refresh token may give it up, and with it go the task and its tokens. That needs no key: somebody who
 * stole one can do nothing better with it.
 * @returns whether it is for a refresh token at all
 */
export async function revokeRefreshToken(
  { codes }: InteractiveDeps,
  as: AuthorizationServer,
  form: Form,
): Promise<boolean> {
  const token = form.get('token') ?? ''
  if (!token.startsWith(REFRESH_PREFIX)) return false
  const known = await codes.peekRefresh(token)
  const holder = known && (await as.instances.find(known.instance))
  if (known && holder && form.get('client_id') === known.clientId)
    await as.tasks.close(known.task, 'revoked', { kind: 'agent', agent: holder.agent, instance: holder.id })
  return true
}

/** What was used before is in two hands: nobody keeps what came of it. */
async function first<T>(as: AuthorizationServer, redeemed: Redeemed<T>): Promise<T> {
  if (redeemed && 'ok' in redeemed) return redeemed.ok
  if (redeemed?.reusedFor !== undefined)
    await as.tasks.close(redeemed.reusedFor, 'failed', { kind: 'gateway' })
  return refuse('CODE_INVALID')
}

async function newInstance(
  as: AuthorizationServer,
  consent: Consent,
  key: ProvenKey | undefined,
): Promise<KnownInstance> {
  const agent = await as.agents.require(consent.agent)
  if (!key && agent.bearer === 0) refuse('BEARER_REFUSED', { agent: agent.name })
  const row = await as.instances.enrol(agent.id, key ?? { jkt: `bearer:${randomUUID()}`, jwk: '' }, {
    host: '',
    method: 'sign-in',
    attested: { client: consent.clientId, person: consent.person },
  })
  const holder = await as.instances.find(row.id)
  if (!holder) throw new Error('an instance that was just made is gone')
  assertActive(holder)
  return holder
}

async function answer(
  deps: InteractiveDeps,
  as: AuthorizationServer,
  c: Context,
  input: {
    readonly holder: KnownInstance
    readonly key: ProvenKey | undefined
    readonly work: Parameters<typeof issueToken>[2]['work'] & object
    readonly clientId: string
  },
): Promise<Response> {
  const { holder, key, work, clientId } = input
  const ticket = { instance: holder.id, task: work.task.id, clientId }
  const refresh_token = await deps.codes.issueRefresh(ticket, work.task.expiresAt)
  const bound = key
    ? ({ binding: 'dpop', jkt: key.jkt, notAfter: undefined } as const)
    : ({ binding: 'bearer', jkt: holder.bearerKey, notAfter: undefined } as const)
  return await issueToken(as, c, { holder, bound, work, also: { refresh_token } })
}
