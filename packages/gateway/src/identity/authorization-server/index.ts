import type { Context } from 'hono'
import { Hono } from 'hono'
import { AuditUnavailable } from '../../model/evidence.ts'
import type { Reason } from '../../model/reasons.ts'
import { nextStep, reason, sentence, status } from '../../model/reasons.ts'
import { Refusal } from '../../model/refusal.ts'
import { challenge } from '../authenticate.ts'
import type { AuthorizationServer } from './context.ts'
import { enrolEndpoint } from './enrol.ts'
import type { Form } from './form.ts'
import { introspectEndpoint } from './introspect.ts'
import { keysEndpoint } from './keys.ts'
import { metadataEndpoints } from './metadata.ts'
import { revokeEndpoint } from './revoke.ts'
import type { GrantHandler } from './token.ts'
import { tokenEndpoint } from './token.ts'

export type { AuthorizationServer } from './context.ts'

/** What rooms that build on this one add. */
export interface Extension {
  /** By `grant_type`. */
  readonly grants: Readonly<Record<string, GrantHandler>>
  readonly routes: readonly Hono[]
  /** Takes back a token that is not an access token. @returns whether the token is of its kind, known or not */
  revoke?(as: AuthorizationServer, form: Form): Promise<boolean>
  /** `token_endpoint_auth_methods_supported` beside `private_key_jwt`. */
  authMethods(): readonly string[]
  /** Members of the metadata document. */
  metadata(): object
}

export const combined = (...parts: readonly Extension[]): Extension => ({
  grants: Object.assign({}, ...parts.map(({ grants }) => grants)) as Extension['grants'],
  routes: parts.flatMap(({ routes }) => routes),
  async revoke(as, form) {
    for (const part of parts) if (await part.revoke?.(as, form)) return true
    return false
  },
  authMethods: () => parts.flatMap((part) => part.authMethods()),
  metadata: () => Object.assign({}, ...parts.map((part) => part.metadata())) as object,
})

const NOTHING_MORE: Extension = { grants: {}, routes: [], authMethods: () => [], metadata: () => ({}) }

/** The OAuth endpoints and what belongs to identity under /v1. */
export function authorizationServer(as: AuthorizationServer, more: Extension = NOTHING_MORE): Hono {
  const app = new Hono()
  app.onError(async (error, c) => {
    let why: Reason
    if (error instanceof Refusal) why = error.reason
    else if (error instanceof AuditUnavailable) why = reason('AUDIT_UNAVAILABLE')
    else {
      as.onBug(error)
      why = reason('INTERNAL')
    }
    await recordRefusal(as, why, c)
    if (status(why) === 401 && !c.req.path.startsWith('/oauth/')) {
      c.header(
        'www-authenticate',
        challenge(why, { resourceMetadataUrl: `${as.issuer}/.well-known/oauth-protected-resource` }),
      )
    }
    c.header('cache-control', 'no-store')
    return c.json(
      {
        error: oauthError(why),
        error_description: sentence(why),
        reason: { code: why.code, sentence: sentence(why), next: nextStep(why) },
      },
      status(why) as 400,
    )
  })
  for (const endpoint of [
    metadataEndpoints(as, more),
    tokenEndpoint(as, more.grants),
    revokeEndpoint(as, more),
    introspectEndpoint(as),
    enrolEndpoint(as),
    keysEndpoint(as),
    ...more.routes,
  ]) {
    app.route('/', endpoint)
  }
  return app
}

/** Refusals are evidence too, but a flood of them may not fill the disk: at most one in 100 ms is recorded. */
const lastRefusal = new WeakMap<AuthorizationServer, number>()
async function recordRefusal(as: AuthorizationServer, why: Reason, c: Context): Promise<void> {
  const now = performance.now()
  if (now - (lastRefusal.get(as) ?? -1000) < 100) return
  lastRefusal.set(as, now)
  const event = {
    type: 'token.refused',
    actor: { kind: 'gateway' },
    data: { path: c.req.path.slice(0, 100), code: why.code },
  } as const
  await as.recorder.append(event).catch(() => {})
}

/** RFC 6749 section 5.2 and RFC 9449 section 5 error codes. */
function oauthError(why: Reason): string {
  if (why.code.startsWith('PROOF_')) return 'invalid_dpop_proof'
  if (why.code.startsWith('ASSERTION_') || why.code.startsWith('AGENT_') || why.code === 'INSTANCE_REVOKED')
    return 'invalid_client'
  if (why.code === 'CODE_INVALID') return 'invalid_grant'
  if (why.code.startsWith('FEDERATION_')) return 'invalid_grant'
  if (why.code.startsWith('CLIENT_')) return 'invalid_client_metadata'
  if (why.code === 'GRANT_TYPE_UNSUPPORTED') return 'unsupported_grant_type'
  if (why.code.startsWith('TASK_') || why.code.startsWith('DELEGATION_'))
    return 'invalid_authorization_details'
  if (why.code.startsWith('TOKEN_')) return 'invalid_token'
  return status(why) >= 500 ? 'server_error' : 'invalid_request'
}
