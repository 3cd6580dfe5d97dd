import { hash } from 'node:crypto'
import { refuse } from '../model/refusal.ts'
import type { PublicJwk } from './jws.ts'
import { JwsInvalid, KeyCache, parseJws } from './jws.ts'

export interface ProofInput {
  readonly proof: string
  readonly method: string
  /** Absolute URL of the request; query and fragment do not count. */
  readonly url: string
  /** Epoch milliseconds. */
  readonly now: number
  readonly windowMs: number
  /** When given, the proof must carry its hash (`ath`). */
  readonly accessToken?: string
  /** When given, the proof must carry it as `content_digest` (MCP DPoP profile, RFC 9530 form). */
  readonly contentDigest?: string
  /** A proof that names no digest at all is taken too; one that names another is not. */
  readonly isPlainAllowed?: boolean
}

export type ProvenKey = Pick<PublicJwk, 'jkt' | 'jwk'>

export interface ProofResult {
  /** RFC 7638 thumbprint of the key that signed. */
  readonly jkt: string
  readonly key: ProvenKey
  /** Stands for key and `jti` in the replay memory. */
  readonly replayKey: string
}

const MAX_HTU = 2048
const UNRESERVED = /[A-Za-z0-9\-._~]/

const keys = new KeyCache()

/**
 * Verifies a DPoP proof (RFC 9449 section 4.3), apart from replay, which the record stage decides.
 * @throws Refusal with a PROOF_* code
 */
export function verifyProof(input: ProofInput): ProofResult {
  let key: PublicJwk
  let payload: Readonly<Record<string, unknown>>
  try {
    const jws = parseJws(input.proof)
    if (jws.header.typ !== 'dpop+jwt') throw new JwsInvalid('its type is not dpop+jwt')
    key = keys.verify(jws)
    payload = jws.payload
  } catch (error) {
    if (error instanceof JwsInvalid) refuse('PROOF_INVALID', { detail: error.message })
    throw error
  }
  // Signed by the key in its header from here on; which key that may be is the caller's to check.
  const { htm, htu, iat, jti, ath, content_digest } = payload
  if (typeof jti !== 'string' || jti.length < 8 || jti.length > 128) {
    refuse('PROOF_INVALID', { detail: '`jti` must have 8 to 128 characters' })
  }
  if (typeof iat !== 'number') refuse('PROOF_INVALID', { detail: '`iat` is missing' })
  const age = Math.abs(input.now - iat * 1000)
  if (!(age <= input.windowMs)) refuse('PROOF_STALE', { seconds: Math.round(age / 1000) })
  if (htm !== input.method || typeof htu !== 'string' || !sameTarget(htu, input.url))
    refuse('PROOF_TARGET_MISMATCH')
  if (input.accessToken !== undefined && ath !== hash('sha256', input.accessToken, 'base64url')) {
    refuse('PROOF_INVALID', { detail: '`ath` is not the hash of the access token' })
  }
  const isUnbound = input.isPlainAllowed === true && content_digest === undefined
  if (input.contentDigest !== undefined && content_digest !== input.contentDigest && !isUnbound)
    refuse('PROOF_CONTENT_MISMATCH')
  const { jkt } = key
  return { jkt, key, replayKey: hash('sha256', `${jkt}|${jti}`, 'base64url').slice(0, 24) }
}

/** RFC 9449 section 4.3 (9): compared after syntax-based normalisation (RFC 3986 section 6.2.2), without query and fragment. */
function sameTarget(htu: string, url: string): boolean {
  if (htu === url) return true
  const target = htu.length <= MAX_HTU ? bare(htu) : undefined
  return target !== undefined && target === bare(url)
}

/** The parser settles case, default port and dot segments; percent-encoding is settled here. */
function bare(text: string): string | undefined {
  const url = URL.parse(text)
  if (url?.username !== '' || url.password !== '') return undefined
  const path = url.pathname.replace(/%[0-9a-f]{2}/gi, (triplet) => {
    const char = String.fromCharCode(Number.parseInt(triplet.slice(1), 16))
    return UNRESERVED.test(char) ? char : triplet.toUpperCase()
  })
  return url.origin + path
}
