import { hash } from 'node:crypto'
import type { Context } from 'hono'
import type { TrustConfig } from '../../config/trust-schema.ts'
import { isCertificateTrust } from '../../config/trust-schema.ts'
import { certificateOf } from '../../lib/client-certificate.ts'
import type { JsonObject } from '../../model/json.ts'
import { refuse } from '../../model/refusal.ts'
import { provenKey } from '../authorization-server/binding.ts'
import { clientCredentials, taskFor } from '../authorization-server/client-credentials.ts'
import type { Form } from '../authorization-server/form.ts'
import type { AuthorizationServer, Extension } from '../authorization-server/index.ts'
import { issueToken } from '../authorization-server/issue.ts'
import type { KnownInstance, NewKey } from '../instances.ts'
import { assertActive } from '../instances.ts'
import { verifyCertificate } from './certificate.ts'
import type { KeySets } from './key-sets.ts'
import { verifyWorkload } from './workload.ts'

export { KeySets } from './key-sets.ts'

export interface FederationDeps {
  readonly keySets: KeySets
  /** Folder against which files of the configuration are resolved. */
  readonly dir: string
  trusts(): TrustConfig
}

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

/** Ways in for workloads that somebody else vouches for: OIDC tokens, SPIFFE JWT-SVIDs, client certificates. */
export function federation(deps: FederationDeps): Extension {
  return {
    grants: {
      [JWT_BEARER]: (as, c, form) => byAssertion(deps, as, c, form),
      // `tls_client_auth`: a client that signs no assertion is who its certificate says (RFC 8705 section 2.1).
      client_credentials: (as, c, form) =>
        form.has('client_assertion') || !certificateOf(c.req.header())
          ? clientCredentials(as, c, form)
          : byCertificate(deps, as, c, form),
    },
    routes: [],
    authMethods: () => (Object.values(deps.trusts()).some(isCertificateTrust) ? ['tls_client_auth'] : []),
    metadata: () => ({}),
  }
}

/**
 * `jwt-bearer` (RFC 7523 section 2.1): a workload's token and a DPoP proof by a fresh key become an instance. The token belongs to the first
 * key it comes with, so one that leaks later lets nobody else in.
 */
async function byAssertion(
  deps: FederationDeps,
  as: AuthorizationServer,
  c: Context,
  form: Form,
): Promise<Response> {
  const assertion = form.get('assertion') ?? ''
  const now = as.clock.now()
  const trusts = deps.trusts()
  const workload = await verifyWorkload({ assertion, trusts, keySets: deps.keySets, issuer: as.issuer, now })
  const key = provenKey(as, c)
  if (!key) return refuse('PROOF_MISSING')
  const holder = await arrive(as, key, {
    agentName: workload.agentName,
    method: `${workload.kind}:${workload.trust}`,
    subject: workload.subject,
    attested: workload.attested,
    voucher: { hash: hash('sha256', assertion, 'base64url'), expiresAt: workload.expiresAt },
  })
  const own = holder.keys.find(({ jkt }) => jkt === key.jkt)
  const bound = { binding: 'dpop', jkt: key.jkt, notAfter: own?.notAfter } as const
  const work = await taskFor(as, holder, form.get('authorization_details'))
  return await issueToken(as, c, { holder, bound, work, also: { client_id: holder.id } })
}

/** A client certificate of a trusted authority (RFC 8705): the certificate itself is the instance's key. */
async function byCertificate(
  deps: FederationDeps,
  as: AuthorizationServer,
  c: Context,
  form: Form,
): Promise<Response> {
  const certificate = certificateOf(c.req.header())
  if (!certificate) return refuse('CERTIFICATE_MISSING')
  const options = { dir: deps.dir, now: as.clock.now() }
  const workload = verifyCertificate(certificate.der, deps.trusts(), options)
  const jkt = `x5t:${certificate.thumbprint}`
  const holder = await arrive(
    as,
    { jkt, jwk: '' },
    {
      agentName: workload.agentName,
      method: `x509:${workload.trust}`,
      subject: workload.subject,
      attested: { name: workload.subject },
      voucher: undefined,
    },
  )
  const bound = { binding: 'mtls', jkt, notAfter: workload.expiresAt } as const
  const work = await taskFor(as, holder, form.get('authorization_details'))
  return await issueToken(as, c, { holder, bound, work, also: { client_id: holder.id } })
}

interface Newcomer {
  readonly agentName: string
  readonly method: string
  readonly subject: string
  readonly attested: JsonObject
  /** Of the token that vouched for it; undefined where the vouching is shown at every request. */
  readonly voucher: { readonly hash: string; readonly expiresAt: number } | undefined
}

/** The instance that has the key already, or a new one. @throws Refusal FEDERATION_INVALID, AGENT_*, INSTANCE_REVOKED */
async function arrive(as: AuthorizationServer, key: NewKey, who: Newcomer): Promise<KnownInstance> {
  const agent = await as.agents.require(who.agentName)
  const { voucher } = who
  const attested = { subject: who.subject, ...who.attested }
  if (voucher && !(await as.instances.claim({ ...voucher, jkt: key.jkt })))
    refuse('FEDERATION_INVALID', { detail: 'it came with another key before' })
  const existing = await as.instances.byKey(key.jkt)
  if (existing) {
    assertActive(existing)
    const isSame =
      existing.agent === agent.id &&
      existing.method === who.method &&
      existing.attested.subject === who.subject
    if (!isSame) return refuse('FEDERATION_INVALID', { detail: 'the key belongs to another workload' })
    if (voucher) await as.instances.vouch(existing.id, voucher.expiresAt)
    return (await as.instances.find(existing.id)) ?? existing
  }
  const row = await as.instances.enrol(agent.id, key, {
    host: '',
    method: who.method,
    attested,
    ...(voucher ? { vouchedUntil: voucher.expiresAt } : {}),
  })
  const holder = await as.instances.find(row.id)
  if (!holder) throw new Error('an instance that was just made is gone')
  assertActive(holder)
  return holder
}
