import type { Context } from 'hono'
import { z } from 'zod'
import type { JsonObject } from '../../model/json.ts'
import { Refusal, refuse } from '../../model/refusal.ts'
import type { KnownInstance } from '../instances.ts'
import { assertActive } from '../instances.ts'
import type { ProvenKey } from '../proofs.ts'
import { signedByInstance } from './assertion.ts'
import { provenKey } from './binding.ts'
import type { AuthorizationServer } from './context.ts'
import { GrantDetails } from './details.ts'
import type { Form } from './form.ts'
import { issueToken } from './issue.ts'

const JWT_TYPE = 'urn:ietf:params:oauth:token-type:jwt'
const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token'
export const DELEGATION_TYP = 'ostiary-delegation+jwt'

const counted = z.number().int().nonnegative().optional()

const Delegation = z.object({
  /** The task that is handed on. */
  sub: z.string().min(1).max(60),
  /** Who may take it: an agent by name, and the thumbprint (RFC 7638) of the one key. */
  act: z.strictObject({ agent: z.string().min(1).max(40), jkt: z.string().length(43) }),
  authorization_details: GrantDetails.optional(),
  budget: z
    .strictObject({
      calls: counted,
      writes: counted,
      subjects: counted,
      bytes: counted,
      spend: z.number().nonnegative().optional(),
    })
    .optional(),
  /** Seconds the part may live. */
  lifetime: z.number().int().positive().optional(),
  depth: z.number().int().nonnegative().max(5).optional(),
  purpose: z.string().min(1).max(200).optional(),
})

/**
 * Delegation by token exchange (RFC 8693 section 2). The subject token is a short JWT by which the instance that holds the task hands a
 * part of it to one key; the DPoP proof shows that the caller has that key. No access token ever leaves its holder. A key that is no
 * instance's yet becomes an instance of the named agent that ends with the task.
 */
export async function tokenExchange(as: AuthorizationServer, c: Context, form: Form): Promise<Response> {
  checkTypes(form)
  const subjectToken = form.get('subject_token') ?? ''
  const { known: delegator, payload } = await signedByInstance(as, subjectToken, DELEGATION_TYP)
  const delegation = readDelegation(payload)
  const key = provenKey(as, c)
  if (!key) return refuse('PROOF_MISSING')
  if (key.jkt !== delegation.act.jkt) refuse('PROOF_KEY_MISMATCH')
  const { holder, isNew } = await takerOf(as, delegation, delegator, key)
  try {
    const by = { agent: delegator.agent, instance: delegator.id }
    const { agent, agentName, id: instance, sponsor } = holder
    const { authorization_details: details, budget, depth: delegable, lifetime, purpose } = delegation
    const expiresAt = lifetime === undefined ? undefined : as.clock.now() + lifetime * 1000
    const part = { details, budget, delegable, expiresAt, purpose }
    const work = await as.tasks.delegate(by, delegation.sub, { agent, agentName, instance, sponsor }, part)
    const bound = { binding: 'dpop', jkt: key.jkt, notAfter: undefined } as const
    return await issueToken(as, c, {
      holder,
      bound,
      work,
      also: { issued_token_type: ACCESS_TOKEN_TYPE, client_id: holder.id },
    })
  } catch (error) {
    if (isNew) await as.instances.revoke(holder.id, { kind: 'gateway' }).catch(as.onBug)
    throw error
  }
}

function checkTypes(form: Form): void {
  if (form.get('subject_token_type') !== JWT_TYPE)
    refuse('DELEGATION_INVALID', { detail: `\`subject_token_type\` must be ${JWT_TYPE}` })
  const wanted = form.get('requested_token_type')
  if (wanted !== undefined && wanted !== ACCESS_TOKEN_TYPE)
    refuse('DELEGATION_INVALID', { detail: 'only access tokens are issued' })
  for (const name of ['actor_token', 'audience', 'scope', 'authorization_details']) {
    if (form.has(name))
      refuse('DELEGATION_INVALID', { detail: `\`${name}\` is not used: the subject token says it all` })
  }
}

function readDelegation(payload: JsonObject): z.output<typeof Delegation> {
  const parsed = Delegation.safeParse(payload)
  if (parsed.success) return parsed.data
  return refuse('DELEGATION_INVALID', { detail: z.prettifyError(parsed.error).slice(0, 300) })
}

/** The instance that holds the key, or a new one of the named agent. @throws Refusal */
async function takerOf(
  as: AuthorizationServer,
  { act, sub }: z.output<typeof Delegation>,
  delegator: KnownInstance,
  key: ProvenKey,
): Promise<{ holder: KnownInstance; isNew: boolean }> {
  const existing = await as.instances.byKey(key.jkt)
  if (existing) {
    if (existing.agentName !== act.agent)
      refuse('DELEGATION_INVALID', { detail: 'the key belongs to an instance of another agent' })
    assertActive(existing)
    return { holder: existing, isNew: false }
  }
  // Only who holds a live task may make instances, and only of agents that the task may be handed to.
  const parent = as.tasks.live(sub)
  if (parent?.task.instance !== delegator.id) return refuse('TASK_UNKNOWN', { task: sub.slice(0, 40) })
  const { delegates } = parent.grant
  const agent = await as.agents.find(act.agent)
  if (!agent || !(delegates.includes('*') || delegates.includes(agent.name)))
    return refuse('DELEGATION_NOT_ALLOWED', { agent: act.agent, template: parent.task.template })
  const row = await as.instances.enrol(agent.id, key, {
    host: '',
    method: 'delegation',
    attested: { by: delegator.id, task: sub },
    parentTask: sub,
  })
  const holder = await as.instances.find(row.id)
  if (!holder) throw new Error('an instance that was just made is gone')
  try {
    assertActive(holder)
  } catch (error) {
    if (error instanceof Refusal) await as.instances.revoke(row.id, { kind: 'gateway' })
    throw error
  }
  return { holder, isNew: true }
}
