import { Hono } from 'hono'
import { parseStrictText } from '../../lib/strict-json.ts'
import { isObject } from '../../model/json.ts'
import type { Principal } from '../../model/principal.ts'
import { refuse } from '../../model/refusal.ts'
import type { InstanceKey } from '../instances.ts'
import { verifyProof } from '../proofs.ts'
import { instanceOf } from './assertion.ts'
import type { AuthorizationServer } from './context.ts'
import { readForm } from './form.ts'

export const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
/** RFC 9396 type of a token that is bound to one task. */
export const TASK_DETAIL = 'urn:ostiary:task:v1'

/** POST /oauth/token: client credentials by `private_key_jwt`, always DPoP-bound (RFC 6749 4.4, RFC 7523, RFC 9449 section 5). */
export function tokenEndpoint(as: AuthorizationServer): Hono {
  const app = new Hono()
  app.post('/oauth/token', async (c) => {
    const form = await readForm(c)
    if (form.get('grant_type') !== 'client_credentials') refuse('GRANT_TYPE_UNSUPPORTED')
    if (form.get('client_assertion_type') !== ASSERTION_TYPE)
      refuse('ASSERTION_INVALID', { detail: 'it must be a JWT' })
    const holder = await instanceOf(as, form.get('client_assertion') ?? '')
    if (form.has('client_id') && form.get('client_id') !== holder.id) {
      refuse('ASSERTION_INVALID', { detail: '`client_id` is not the instance' })
    }
    checkResource(as, form.get('resource'))
    const key = proofKey(as, c.req.header('dpop'), holder.keys)
    const principal: Principal = {
      agent: holder.agent,
      agentName: holder.agentName,
      instance: holder.id,
      jkt: key.jkt,
      sponsor: holder.sponsor,
      chain: [{ agent: holder.agent, instance: holder.id }],
    }
    const task = readTask(form.get('authorization_details'))
    const live = task === undefined ? undefined : await as.taskOf(task)
    // Another instance's task is as unknown as one that never was.
    if (task !== undefined && live?.instance !== holder.id)
      refuse('TASK_UNKNOWN', { task: task.slice(0, 40) })
    const now = as.clock.now()
    const expiresAt = Math.min(
      now + as.tokenLifetimeMs,
      live?.expiresAt ?? Number.POSITIVE_INFINITY,
      key.notAfter ?? Number.POSITIVE_INFINITY,
    )
    await as.recorder.append({
      type: 'token.issued',
      actor: { kind: 'agent', agent: holder.agent, instance: holder.id },
      ...(task === undefined ? {} : { task }),
      data: { jkt: principal.jkt, expires_at: expiresAt },
    })
    const token = await as.tokens.issue({ principal, task, expiresAt })
    c.header('cache-control', 'no-store')
    return c.json({
      access_token: token,
      token_type: 'DPoP',
      expires_in: Math.floor((expiresAt - now) / 1000),
      ...(task === undefined ? {} : { authorization_details: [{ type: TASK_DETAIL, task }] }),
    })
  })
  return app
}

/** The key of the DPoP proof: one of the instance's own, so that no token is ever bound to a stranger's key. */
function proofKey(
  as: AuthorizationServer,
  proof: string | undefined,
  own: readonly InstanceKey[],
): InstanceKey {
  if (proof === undefined) refuse('PROOF_MISSING')
  const { jkt, replayKey } = verifyProof({
    proof,
    method: 'POST',
    url: `${as.issuer}/oauth/token`,
    now: as.clock.now(),
    windowMs: as.proofWindowMs,
  })
  const key = own.find((candidate) => candidate.jkt === jkt)
  if (!key) return refuse('PROOF_KEY_MISMATCH')
  if (!as.useOnce(replayKey)) refuse('PROOF_REPLAYED')
  return key
}

/** RFC 8707: tokens are for this gateway, so an address elsewhere is a mistake of the client's. */
function checkResource(as: AuthorizationServer, resource: string | undefined): void {
  if (resource === undefined || resource === as.issuer || resource.startsWith(`${as.issuer}/`)) return
  refuse('RESOURCE_UNKNOWN')
}

function readTask(details: string | undefined): string | undefined {
  if (details === undefined) return undefined
  const value = parseStrictText(details)
  const [detail] = Array.isArray(value) && value.length === 1 ? value : []
  if (!isObject(detail) || detail.type !== TASK_DETAIL || typeof detail.task !== 'string') {
    refuse('REQUEST_MALFORMED', { detail: `authorization_details must be one object of type ${TASK_DETAIL}` })
  }
  return detail.task
}
