import { equalBytes } from '../lib/bytes.ts'
import type { Reason } from '../model/reasons.ts'
import { refuse } from '../model/refusal.ts'
import { verifyProof } from './proofs.ts'
import type { TokenSession } from './tokens.ts'
import { hashToken, isToken } from './tokens.ts'

export type { TokenSession } from './tokens.ts'

export interface PresentedProof {
  readonly authorization: string | undefined
  readonly dpop: string | undefined
  readonly method: string
  readonly url: string
  /** The digest the proof must state; undefined when the request has no body. */
  readonly contentDigest: string | undefined
  readonly now: number
  readonly windowMs: number
}

type Resolve = (tokenHash: string) => TokenSession | undefined | Promise<TokenSession | undefined>

interface Authenticated {
  readonly session: TokenSession
  readonly replayKey: string
}

/**
 * Who sent a request: a live token, and a proof for exactly this request by the key the token is bound to (RFC 9449 section 7).
 * Stays synchronous while the token is in memory. @throws Refusal TOKEN_*, PROOF_*, AGENT_*, INSTANCE_*
 */
export function authenticate(
  input: PresentedProof,
  resolve: Resolve,
): Authenticated | Promise<Authenticated> {
  const token = readToken(input.authorization)
  if (input.dpop === undefined) refuse('PROOF_MISSING')
  const found = resolve(hashToken(token))
  return found instanceof Promise
    ? found.then((session) => check(input, token, session))
    : check(input, token, found)
}

/** Hash of the token presented, before anything is proved. @throws Refusal TOKEN_MISSING or TOKEN_INVALID */
export const presentedHash = (authorization: string | undefined): string =>
  hashToken(readToken(authorization))

function readToken(authorization: string | undefined): string {
  if (authorization === undefined) refuse('TOKEN_MISSING')
  const match = authorization.length <= 100 ? /^(\S+) (\S+)$/.exec(authorization) : null
  // Every token is bound to a key, so presenting one as a bearer is a theft or a mistake.
  if (match?.[1]?.toLowerCase() !== 'dpop' || !isToken(match[2] as string)) refuse('TOKEN_INVALID')
  return match[2] as string
}

function check(input: PresentedProof, token: string, session: TokenSession | undefined): Authenticated {
  if (!session) refuse('TOKEN_INVALID')
  const { jkt, replayKey } = verifyProof({
    proof: input.dpop as string,
    method: input.method,
    url: input.url,
    now: input.now,
    windowMs: input.windowMs,
    accessToken: token,
    ...(input.contentDigest === undefined ? {} : { contentDigest: input.contentDigest }),
  })
  if (!equalBytes(Buffer.from(jkt), Buffer.from(session.principal.jkt))) refuse('PROOF_KEY_MISMATCH')
  // Only the holder of the key learns why its token is no longer good.
  const { status, principal } = session
  if (status.agent === 'revoked') refuse('AGENT_REVOKED', { agent: principal.agentName })
  if (status.agent === 'suspended') refuse('AGENT_SUSPENDED', { agent: principal.agentName })
  if (status.instance !== 'active') refuse('INSTANCE_REVOKED')
  if (status.token === 'revoked') refuse('TOKEN_INVALID')
  if (session.expiresAt <= input.now) refuse('TOKEN_EXPIRED')
  return { session, replayKey }
}

/** `WWW-Authenticate` for a 401 (RFC 9449 section 7.1, RFC 9728 section 5.1). */
export function challenge(why: Reason, urls: { resourceMetadataUrl: string }): string {
  const parts = [`resource_metadata="${urls.resourceMetadataUrl}"`, 'algs="ES256 EdDSA"']
  if (why.code.startsWith('PROOF_') && why.code !== 'PROOF_MISSING') parts.push('error="invalid_dpop_proof"')
  else if (why.code !== 'TOKEN_MISSING') parts.push('error="invalid_token"')
  return `DPoP ${parts.join(', ')}`
}
