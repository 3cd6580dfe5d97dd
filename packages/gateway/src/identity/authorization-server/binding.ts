import type { Context } from 'hono'
import { certificateOf } from '../../lib/client-certificate.ts'
import type { Binding } from '../../model/principal.ts'
import { refuse } from '../../model/refusal.ts'
import type { KnownInstance } from '../instances.ts'
import type { ProvenKey } from '../proofs.ts'
import { verifyProof } from '../proofs.ts'
import type { AuthorizationServer } from './context.ts'

/** What a new token will be bound to. */
export interface Bound {
  readonly binding: Binding
  /** As stored with the token: an RFC 7638 thumbprint, or `x5t:` and the one of a certificate. */
  readonly jkt: string
  /** Epoch milliseconds after which the key is no longer good. */
  readonly notAfter: number | undefined
  /** The key ends then and has no successor yet: the client has to make one. */
  readonly isDue?: boolean
}

/** No token that is bound to no key lives longer. */
export const BEARER_LIFETIME_MS = 5 * 60_000

/** The key of the request's DPoP proof, used once; undefined when there is no proof. @throws Refusal PROOF_* */
export function provenKey(as: AuthorizationServer, c: Context): ProvenKey | undefined {
  const proof = c.req.header('dpop')
  if (proof === undefined) return undefined
  const { key, replayKey } = verifyProof({
    proof,
    method: 'POST',
    url: `${as.issuer}${c.req.path}`,
    now: as.clock.now(),
    windowMs: as.proofWindowMs,
  })
  if (!as.useOnce(replayKey)) refuse('PROOF_REPLAYED')
  return key
}

/**
 * Binds to what the request proves: the key of its DPoP proof, or the certificate of its connection, each one of the instance's own, so
 * that no token is ever bound to a stranger's. Bound to nothing only where an operator allowed it for this agent.
 * @throws Refusal PROOF_MISSING, PROOF_KEY_MISMATCH
 */
export function bindTo(as: AuthorizationServer, c: Context, holder: KnownInstance): Bound {
  const proven = provenKey(as, c)
  if (proven) {
    const own = holder.keys.find(({ jkt }) => jkt === proven.jkt)
    return own
      ? { binding: 'dpop', jkt: own.jkt, notAfter: own.notAfter, isDue: own.state === 'due' }
      : refuse('PROOF_KEY_MISMATCH')
  }
  const certificate = certificateOf(c.req.header())
  const jkt = `x5t:${certificate?.thumbprint}`
  if (certificate && holder.certificates.includes(jkt)) return { binding: 'mtls', jkt, notAfter: undefined }
  if (!holder.bearer) return refuse('PROOF_MISSING')
  return { binding: 'bearer', jkt: holder.bearerKey, notAfter: undefined }
}
