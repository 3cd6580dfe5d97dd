import { decodeProtectedHeader } from 'jose'
import { durationMs } from '../../config/schema.ts'
import type { TokenTrust, TrustConfig } from '../../config/trust-schema.ts'
import { isCertificateTrust } from '../../config/trust-schema.ts'
import { parseStrict } from '../../lib/strict-json.ts'
import type { JsonObject } from '../../model/json.ts'
import { isObject } from '../../model/json.ts'
import { refuse } from '../../model/refusal.ts'
import { verifiedJwt } from '../verified-jwt.ts'
import { matches } from './claim-rules.ts'
import type { KeySets, Source } from './key-sets.ts'

const MAX_TOKEN = 16_384
const SVID_LIFETIME_MS = 24 * 60 * 60_000
const ALGS: readonly string[] = ['ES256', 'ES384', 'RS256', 'PS256', 'EdDSA', 'Ed25519']
/** Types that are other things than a workload's identity; none of them passes for one. */
const TYPES: readonly unknown[] = [undefined, 'JWT', 'JOSE']
/** Claims worth keeping in the record; others may hold anything. */
const KEPT = [
  'sub',
  'repository',
  'ref',
  'workflow_ref',
  'run_id',
  'environment',
  'jti',
  'project_path',
] as const

/** A workload that somebody we trust has vouched for. */
export interface Workload {
  readonly trust: string
  readonly kind: 'oidc' | 'spiffe'
  readonly agentName: string
  readonly subject: string
  readonly attested: JsonObject
  /** Epoch milliseconds. */
  readonly expiresAt: number
}

interface Input {
  readonly assertion: string
  readonly trusts: TrustConfig
  readonly keySets: KeySets
  /** The audience that tokens must be for where a trust names no other. */
  readonly issuer: string
  readonly now: number
}

/**
 * Verifies a workload's JWT (RFC 7523 section 3; SPIFFE JWT-SVID section 3) and finds the agent its claims stand for. Which issuer's keys may
 * verify it is settled by its `iss`, or its trust domain, before any key is looked at: a key of one never verifies for another.
 * @throws Refusal FEDERATION_*
 */
export async function verifyWorkload(input: Input): Promise<Workload> {
  const { header, claims } = peek(input.assertion)
  const [name, trust] = trustFor(claims, input.trusts)
  const isSpiffe = 'trust_domain' in trust
  const payload = await verified(input, name, trust, header)
  const lifetime =
    ((payload.exp as number) - (typeof payload.iat === 'number' ? payload.iat : input.now / 1000)) * 1000
  const longest = isSpiffe ? SVID_LIFETIME_MS : durationMs(trust.max_lifetime)
  if (lifetime > longest) invalid('it is good for too long')
  const fitting = Object.entries(trust.agents).filter(([, rules]) => matches(rules, payload))
  const [agent, other] = fitting
  if (!agent) return refuse('FEDERATION_NO_RULE', { trust: name })
  // Of two that fit, nobody could say which was meant.
  if (other) return refuse('FEDERATION_AMBIGUOUS', { trust: name, one: agent[0], other: other[0] })
  return {
    trust: name,
    kind: isSpiffe ? 'spiffe' : 'oidc',
    agentName: agent[0],
    subject: String(payload.sub),
    attested: Object.fromEntries(
      KEPT.flatMap((claim) => {
        const value = Object.hasOwn(payload, claim) ? payload[claim] : undefined
        return typeof value === 'string' || typeof value === 'number'
          ? [[claim, String(value).slice(0, 300)]]
          : []
      }),
    ),
    expiresAt: (payload.exp as number) * 1000,
  }
}

interface Header {
  readonly alg: string
  readonly kid: string | undefined
}

/** What an unverified token says of itself: enough to choose the issuer, believed no further. */
function peek(token: string): { header: Header; claims: JsonObject } {
  if (token.length > MAX_TOKEN) invalid(`it is larger than ${MAX_TOKEN} characters`)
  const parts = token.split('.')
  if (parts.length !== 3) invalid('it is not a compact JWS')
  try {
    const header = decodeProtectedHeader(token)
    const { value } = parseStrict(Buffer.from(parts[1] ?? '', 'base64url'))
    if (!isObject(value)) throw new SyntaxError()
    if (!ALGS.includes(header.alg ?? '')) invalid('its algorithm is not accepted')
    if (header.cty !== undefined) invalid('it is nested')
    if (header.crit !== undefined) invalid('it has critical extensions')
    if (!TYPES.includes(header.typ)) invalid('its type is that of something else')
    const kid = typeof header.kid === 'string' ? header.kid : undefined
    return { header: { alg: header.alg as string, kid }, claims: value }
  } catch (error) {
    if ((error as Error).name === 'Refusal') throw error
    return invalid('it cannot be read')
  }
}

function trustFor(claims: JsonObject, trusts: TrustConfig): [string, TokenTrust] {
  for (const [name, trust] of Object.entries(trusts)) {
    if (isCertificateTrust(trust)) continue
    const isIts =
      'trust_domain' in trust
        ? isSpiffeId(claims.sub, trust.trust_domain)
        : typeof claims.iss === 'string' && claims.iss === trust.issuer
    if (isIts) return [name, trust]
  }
  return refuse('FEDERATION_UNTRUSTED')
}

/** SPIFFE-ID section 2: scheme, trust domain, and a path of plain segments. */
const isSpiffeId = (sub: unknown, domain: string): boolean =>
  typeof sub === 'string' &&
  sub.startsWith(`spiffe://${domain}/`) &&
  sub.length <= 2048 &&
  /^(\/[A-Za-z0-9._-]+)+$/.test(sub.slice(`spiffe://${domain}`.length)) &&
  !/\/\.{1,2}(\/|$)/.test(sub)

async function verified(input: Input, name: string, trust: TokenTrust, header: Header): Promise<JsonObject> {
  const keys = await input.keySets.find(name, sourceOf(trust), header)
  return verifiedJwt(
    input.assertion,
    keys,
    {
      alg: header.alg,
      audience: trust.audience ?? input.issuer,
      ...('issuer' in trust ? { issuer: trust.issuer } : {}),
      now: input.now,
      requiredClaims: ['exp', 'sub', 'aud'],
    },
    invalid,
  )
}

const sourceOf = (trust: TokenTrust): Source =>
  'trust_domain' in trust
    ? { keys: trust.bundle, use: 'jwt-svid' }
    : { keys: trust.jwks ?? { discover: trust.issuer }, use: 'sig' }

function invalid(detail: string): never {
  return refuse('FEDERATION_INVALID', { detail })
}
