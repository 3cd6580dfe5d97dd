import { decodeProtectedHeader, errors, importJWK, jwtVerify } from 'jose'
import { z } from 'zod'
import type { SignalsConfig } from '../../config/signals-schema.ts'
import { parseStrict } from '../../lib/strict-json.ts'
import { isObject } from '../../model/json.ts'
import { Refusal } from '../../model/refusal.ts'
import type { KeySets } from '../federation/index.ts'
import { SET_TYP, UNDERSTOOD } from './events.ts'

const MAX_SET = 16_384
const OLDEST_S = 10 * 60
const SKEW_S = 60
const ALGS: readonly string[] = ['ES256', 'ES384', 'RS256', 'PS256', 'EdDSA']

/** RFC 8935 section 2.4: why an event was not taken. */
export type SetError =
  | 'invalid_request'
  | 'invalid_key'
  | 'invalid_issuer'
  | 'invalid_audience'
  | 'authentication_failed'

export class SetRefused extends Error {
  override name = 'SetRefused'
  readonly err: SetError
  constructor(err: SetError, description: string) {
    super(description)
    this.err = err
  }
}

/** Subject identifiers (RFC 9493) by which people are known here. */
const Subject = z.union([
  z.object({ format: z.literal('email'), email: z.string().min(3).max(320) }),
  z.object({ format: z.literal('iss_sub'), iss: z.string().max(2048), sub: z.string().max(500) }),
])

const Payload = z.object({
  jti: z.string().min(1).max(200),
  iat: z.number(),
  sub_id: z.unknown().optional(),
  events: z.record(z.string().max(300), z.record(z.string(), z.unknown())),
})

/** Something a trusted transmitter says of a person. */
export interface Signal {
  readonly transmitter: string
  readonly jti: string
  readonly events: readonly string[]
  readonly subject: z.output<typeof Subject> | undefined
}

/**
 * Verifies a security event token (RFC 8417, RFC 8935 section 2). Whose keys may verify it is settled by its `iss` before any key is looked
 * at. An event type that is not understood is taken and does nothing.
 * @throws SetRefused
 */
export async function readSet(
  text: string,
  deps: { transmitters: SignalsConfig['receive']; keySets: KeySets; issuer: string; now: number },
): Promise<Signal> {
  if (text.length > MAX_SET) throw new SetRefused('invalid_request', 'it is too large')
  const { alg, kid, iss } = peek(text)
  const found = Object.entries(deps.transmitters).find(([, { issuer }]) => issuer === iss)
  if (!found) throw new SetRefused('invalid_issuer', 'its issuer is not one that is listened to')
  const [transmitter, { issuer, jwks, audience = deps.issuer }] = found
  const source = { keys: jwks ?? { discover: issuer }, use: 'sig' } as const
  const keys = await deps.keySets
    .find(`signals:${transmitter}`, source, { kid, alg })
    .catch((error: unknown) => {
      if (error instanceof Refusal)
        throw new SetRefused('invalid_key', 'the keys of its issuer cannot be read')
      throw error
    })
  for (const jwk of keys) {
    try {
      const key = await importJWK(jwk, alg)
      const { payload } = await jwtVerify(text, key, {
        algorithms: [alg],
        issuer,
        audience,
        typ: SET_TYP,
        currentDate: new Date(deps.now),
        clockTolerance: SKEW_S,
      })
      if (Array.isArray(payload.aud) && payload.aud.length > 1)
        throw new SetRefused('invalid_audience', 'it is for other audiences too')
      return signalOf(transmitter, payload, deps.now)
    } catch (error) {
      if (error instanceof errors.JWTClaimValidationFailed)
        throw new SetRefused(
          error.claim === 'aud' ? 'invalid_audience' : 'invalid_request',
          `its \`${error.claim}\` is not what it must be`,
        )
      if (!(error instanceof errors.JOSEError)) throw error
    }
  }
  throw new SetRefused('invalid_key', 'no key of its issuer signed it')
}

function peek(text: string): { alg: string; kid: string | undefined; iss: unknown } {
  try {
    const { alg = '', kid, crit } = decodeProtectedHeader(text)
    const { value } = parseStrict(Buffer.from(text.split('.')[1] ?? '', 'base64url'))
    if (!ALGS.includes(alg) || crit !== undefined || !isObject(value)) throw new SyntaxError()
    return { alg, kid: typeof kid === 'string' ? kid : undefined, iss: value.iss }
  } catch {
    throw new SetRefused('invalid_request', 'it is not a signed security event token')
  }
}

function signalOf(transmitter: string, payload: object, now: number): Signal {
  const parsed = Payload.safeParse(payload)
  if (!parsed.success) throw new SetRefused('invalid_request', 'it lacks `jti`, `iat` or `events`')
  const { jti, iat, events, sub_id } = parsed.data
  const age = now / 1000 - iat
  if (age > OLDEST_S || age < -SKEW_S)
    throw new SetRefused('invalid_request', 'it is too old, or from the future')
  // CAEP before its final form had the subject within the event.
  const subject = sub_id ?? Object.values(events).find((event) => event.subject !== undefined)?.subject
  return {
    transmitter,
    jti,
    events: Object.keys(events).filter((type) => UNDERSTOOD.includes(type)),
    subject: Subject.safeParse(subject).data,
  }
}
