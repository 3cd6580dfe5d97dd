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
  /** `x5t#S256` of the client certificate of the connection, when there is one. */
  readonly certificate: string | undefined
  readonly now: number
  readonly windowMs: number
  /** Proofs that name no body are taken too (RFC 9449 without the MCP profile). */
  readonly isPlainAllowed?: boolean
}

type Resolve = (tokenHash: string) => TokenSession | undefined | Promise<TokenSession | undefined>

interface Authenticated {
  readonly session: TokenSession
  /** Undefined where nothing was signed for this request. */
  readonly replayKey: string | undefined
}

/**
 * Who sent a request: a live token, and what it is bound to: a proof for exactly this request by its key (RFC 9449 section 7), the client
 * certificate of the connection (RFC 8705 section 3), or nothing, where an operator allowed that.
 * Stays synchronous while the token is in memory. @throws Refusal TOKEN_*, PROOF_*, AGENT_*, INSTANCE_*
 */
export function authenticate(
  input: PresentedProof,
  resolve: Resolve,
): Authenticated | Promise<Authenticated> {
  const { scheme, token } = readToken(input.authorization)
  if (scheme === 'dpop' && input.dpop === undefined) refuse('PROOF_MISSING')
  const prove = scheme === 'dpop' ? proven : bearing
  const found = resolve(hashToken(token))
  return found instanceof Promise
    ? found.then((session) => prove(input, token, session))
    : prove(input, token, found)
}

/** Hash of the token presented, before anything is proved. @throws Refusal TOKEN_MISSING or TOKEN_INVALID */
export const presentedHash = (authorization: string | undefined): string =>
  hashToken(readToken(authorization).token)

function readToken(authorization: string | undefined): { scheme: 'dpop' | 'bearer'; token: string } {
  if (authorization === undefined) refuse('TOKEN_MISSING')
  const match = authorization.length <= 100 ? /^(\S+) (\S+)$/.exec(authorization) : null
  const [, scheme = '', token = ''] = match ?? []
  const name = scheme.toLowerCase()
  if ((name !== 'dpop' && name !== 'bearer') || !isToken(token)) refuse('TOKEN_INVALID')
  return { scheme: name, token }
}

/** `Authorization: Bearer`: only for tokens that were issued so. One bound to a key that comes without proof is a theft or a mistake. */
function bearing(input: PresentedProof, _token: string, session: TokenSession | undefined): Authenticated {
  const binding = session?.principal.binding
  if (!session || binding === undefined || binding === 'dpop') refuse('TOKEN_INVALID')
  if (binding === 'mtls') {
    if (input.certificate === undefined) refuse('CERTIFICATE_MISSING')
    const presented = Buffer.from(`x5t:${input.certificate}`)
    if (!equalBytes(presented, Buffer.from(session.principal.jkt))) refuse('CERTIFICATE_MISMATCH')
  }
  assertGood(session, input.now)
  return { session, replayKey: undefined }
}

function proven(input: PresentedProof, token: string, session: TokenSession | undefined): Authenticated {
  if (session?.principal.binding !== 'dpop') return refuse('TOKEN_INVALID')
  const { jkt, replayKey } = verifyProof({
    proof: input.dpop as string,
    method: input.method,
    url: input.url,
    now: input.now,
    windowMs: input.windowMs,
    accessToken: token,
    isPlainAllowed: input.isPlainAllowed ?? false,
    ...(input.contentDigest === undefined ? {} : { contentDigest: input.contentDigest }),
  })
  if (!equalBytes(Buffer.from(jkt), Buffer.from(session.principal.jkt))) refuse('PROOF_KEY_MISMATCH')
  assertGood(session, input.now)
  return { session, replayKey }
}

/** Only the holder of the key learns why its token is no longer good. */
function assertGood({ status, principal, expiresAt }: TokenSession, now: number): void {
  if (status.agent === 'revoked') refuse('AGENT_REVOKED', { agent: principal.agentName })
  if (status.agent === 'suspended') refuse('AGENT_SUSPENDED', { agent: principal.agentName })
  if (status.instance !== 'active') refuse('INSTANCE_REVOKED')
  if (status.token === 'revoked') refuse('TOKEN_INVALID')
  if (expiresAt <= now) refuse('TOKEN_EXPIRED')
}

/** `WWW-Authenticate` for a 401 (RFC 9449 section 7.1, RFC 9728 section 5.1). */
export function challenge(why: Reason, urls: { resourceMetadataUrl: string }): string {
  const parts = [`resource_metadata="${urls.resourceMetadataUrl}"`, 'algs="ES256 EdDSA"']
  if (why.code.startsWith('PROOF_') && why.code !== 'PROOF_MISSING') parts.push('error="invalid_dpop_proof"')
  else if (why.code !== 'TOKEN_MISSING') parts.push('error="invalid_token"')
  return `DPoP ${parts.join(', ')}`
}
