import { decodeProtectedHeader } from 'jose'
import { z } from 'zod'
import type { FlowConfig } from '../config/flow-schema.ts'
import { parseStrict } from '../lib/strict-json.ts'
import { isObject } from '../model/json.ts'
import { refuse } from '../model/refusal.ts'
import type { KeySets } from './federation/index.ts'
import { verifiedJwt } from './verified-jwt.ts'

const MAX_JWS = 65_536
/** With the skew still within what the replay window remembers at the least. */
const MAX_LIFETIME_S = 120
const TYPE = 'ostiary-request+jwt'
const ALGS: readonly string[] = ['ES256', 'ES384', 'RS256', 'PS256', 'EdDSA', 'Ed25519']

const Claims = z.object({
  iss: z.string(),
  sub: z.string().min(1).max(200),
  jti: z.string().min(8).max(200),
  iat: z.number(),
  exp: z.number(),
  agent: z.string(),
  template: z.string(),
  instance: z.string().optional(),
  subject: z.string().optional(),
  request: z.string().min(1).max(16_384),
})

export interface SignedRequest {
  readonly text: string
  readonly signer: string
  /** The person whose words they are. */
  readonly person: string
  readonly subject: string | undefined
  /** What it is remembered by, so that it is good once, across a restart too. */
  readonly proof: string
}

interface Input {
  readonly jws: string
  /** What is about to be opened, as its opener wants it. */
  readonly wanted: {
    readonly agentName: string
    readonly instance: string
    readonly template: string
    readonly subject: string | undefined
  }
  readonly signers: FlowConfig['signers']
  readonly keySets: KeySets
  /** The audience. */
  readonly issuer: string
  /** Epoch milliseconds. */
  readonly now: number
  /** False when the key was used before. */
  useOnce(key: string): boolean
}

/**
 * Verifies a person's request that a system they work in has signed: a compact JWS of type `ostiary-request+jwt`, for this gateway, one
 * agent and one template, good once and for at most two minutes. Claims: `iss` (name of the signer), `sub` (the person), `aud`, `iat`, `exp`,
 * `jti`, `agent`, `template`, `request`, and where given `instance` and `subject`.
 * @throws Refusal REQUEST_UNVERIFIED
 */
export async function verifySignedRequest(input: Input): Promise<SignedRequest> {
  const { jws, wanted, now } = input
  const { alg, kid, iss } = peek(jws)
  const signer = Object.hasOwn(input.signers, iss) ? input.signers[iss] : undefined
  if (!signer) return invalid('its `iss` is no signer of this gateway')
  const isFor = signer.agents.includes('*') || signer.agents.includes(wanted.agentName)
  if (!isFor) invalid('its signer may not sign for this agent')
  const keys = await input.keySets.find(`request:${iss}`, { keys: signer.keys, use: 'sig' }, { kid, alg })
  const payload = await verifiedJwt(jws, keys, { alg, audience: input.issuer, typ: TYPE, now }, invalid)
  const parsed = Claims.safeParse(payload)
  if (!parsed.success) return invalid('a claim is missing or malformed')
  const claims = parsed.data
  if (claims.exp - claims.iat > MAX_LIFETIME_S)
    invalid(`it must be good for at most ${MAX_LIFETIME_S} seconds`)
  const isMeant =
    claims.agent === wanted.agentName &&
    claims.template === wanted.template &&
    (claims.instance === undefined || claims.instance === wanted.instance) &&
    (claims.subject === undefined || claims.subject === wanted.subject)
  if (!isMeant) invalid('it is for another agent, template, instance or subject')
  const proof = `request ${iss} ${claims.jti}`
  if (!input.useOnce(proof)) invalid('it was used before')
  return { text: claims.request, signer: iss, person: claims.sub, subject: claims.subject, proof }
}

/** What it says of itself: enough to choose the signer, believed no further. */
function peek(jws: string): { alg: string; kid: string | undefined; iss: string } {
  if (jws.length > MAX_JWS) invalid(`it is larger than ${MAX_JWS} characters`)
  try {
    const { alg = '', kid, typ, crit } = decodeProtectedHeader(jws)
    const { value } = parseStrict(Buffer.from(jws.split('.')[1] ?? '', 'base64url'))
    if (!isObject(value) || typeof value.iss !== 'string') throw new SyntaxError()
    if (typ !== TYPE || crit !== undefined || !ALGS.includes(alg)) throw new SyntaxError()
    return { alg, kid, iss: value.iss }
  } catch {
    return invalid(`it is not a JWS of type ${TYPE}`)
  }
}

function invalid(detail: string): never {
  return refuse('REQUEST_UNVERIFIED', { detail })
}
