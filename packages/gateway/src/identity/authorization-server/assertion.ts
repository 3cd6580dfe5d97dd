import { hash } from 'node:crypto'
import type { JsonObject } from '../../model/json.ts'
import { refuse } from '../../model/refusal.ts'
import type { KnownInstance } from '../instances.ts'
import { assertActive } from '../instances.ts'
import type { Jws, PublicJwk } from '../jws.ts'
import { JwsInvalid, parseJws, readJwk, verifyJws } from '../jws.ts'
import type { AuthorizationServer } from './context.ts'

const MAX_LIFE_S = 60
const SKEW_S = 30
/** What a client assertion may call itself; none of the other JWTs that an instance signs passes for one. */
const ASSERTION_TYPES: readonly unknown[] = [undefined, 'JWT', 'client-authentication+jwt']

/**
 * Authenticates an instance by `private_key_jwt` (RFC 7523 section 3): signed by one of its keys, for this issuer alone, for a minute at
 * most, once. Whether it exists and may act is told only to a holder of its key. @throws Refusal ASSERTION_*, INSTANCE_*, AGENT_*
 */
export async function instanceOf(as: AuthorizationServer, assertion: string): Promise<KnownInstance> {
  const jws = reading(() => parseJws(assertion))
  if (!ASSERTION_TYPES.includes(jws.header.typ))
    refuse('ASSERTION_INVALID', { detail: 'its type is not that of a client assertion' })
  if (jws.payload.iss !== jws.payload.sub)
    refuse('ASSERTION_INVALID', { detail: '`iss` and `sub` must both be the instance' })
  return (await verified(as, jws)).known
}

/** A statement of an instance that is no client assertion: a JWT of type `typ` whose `iss` is the instance. Same rules. */
export async function signedByInstance(
  as: AuthorizationServer,
  text: string,
  typ: string,
): Promise<{ known: KnownInstance; payload: JsonObject }> {
  const jws = reading(() => parseJws(text))
  if (jws.header.typ !== typ) refuse('ASSERTION_INVALID', { detail: `its type is not ${typ}` })
  return await verified(as, jws)
}

async function verified(
  as: AuthorizationServer,
  jws: Jws,
): Promise<{ known: KnownInstance; payload: JsonObject }> {
  const { iss } = jws.payload
  if (typeof iss !== 'string') return refuse('ASSERTION_INVALID', { detail: '`iss` must be the instance' })
  const known = await as.instances.find(iss)
  if (!known?.keys.some((key) => key.alg === jws.header.alg && verifies(jws, key)))
    return refuse('ASSERTION_INVALID', { detail: 'no key of the instance signed it' })
  checkTimes(as, jws.payload)
  once(as, `assertion|${iss}|${String(jws.payload.jti)}`)
  assertActive(known)
  // Its own key does not outlive the word of whoever vouched for it, and who is trusted for that may have changed.
  if ((known.vouchedUntil ?? Infinity) <= as.clock.now())
    refuse('FEDERATION_INVALID', {
      detail: 'what vouched for this instance has ended; come with a fresh one',
    })
  return { known, payload: jws.payload }
}

/** A key that proves itself in a request to register it: a JWT of type `typ` signed by the very key it names. */
export function proveKey(
  as: AuthorizationServer,
  jwk: unknown,
  proof: string,
  typ: string,
): { key: PublicJwk; payload: JsonObject } {
  const { key, payload } = reading(() => {
    const jws = parseJws(proof)
    if (jws.header.typ !== typ) throw new JwsInvalid(`its type is not ${typ}`)
    const own = readJwk(jwk)
    verifyJws(jws, own)
    return { key: own, payload: jws.payload }
  })
  checkTimes(as, payload)
  once(as, `key|${key.jkt}|${String(payload.jti)}`)
  return { key, payload }
}

function checkTimes(as: AuthorizationServer, payload: JsonObject): void {
  const now = as.clock.now() / 1000
  const { aud, exp, iat, nbf, jti } = payload
  const audience = Array.isArray(aud) && aud.length === 1 ? (aud[0] as unknown) : aud
  if (audience !== as.issuer)
    refuse('ASSERTION_INVALID', { detail: `\`aud\` must be ${as.issuer} and nothing else` })
  if (typeof exp !== 'number' || exp <= now - SKEW_S)
    refuse('ASSERTION_INVALID', { detail: 'it has expired' })
  if (exp > now + MAX_LIFE_S + SKEW_S)
    refuse('ASSERTION_INVALID', { detail: 'it may live for 60 seconds at most' })
  for (const time of [iat, nbf]) {
    if (time !== undefined && (typeof time !== 'number' || time > now + SKEW_S)) {
      refuse('ASSERTION_INVALID', { detail: 'it is from the future' })
    }
  }
  if (typeof jti !== 'string' || jti.length < 8 || jti.length > 128) {
    refuse('ASSERTION_INVALID', { detail: '`jti` must have 8 to 128 characters' })
  }
}

function once(as: AuthorizationServer, what: string): void {
  if (!as.useOnce(hash('sha256', what, 'base64url').slice(0, 24))) refuse('ASSERTION_REPLAYED')
}

function verifies(jws: Jws, key: PublicJwk): boolean {
  try {
    verifyJws(jws, key)
    return true
  } catch (error) {
    if (error instanceof JwsInvalid) return false
    throw error
  }
}

function reading<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof JwsInvalid) return refuse('ASSERTION_INVALID', { detail: error.message })
    throw error
  }
}
