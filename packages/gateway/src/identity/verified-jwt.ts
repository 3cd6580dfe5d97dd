import type { JWK, JWTVerifyOptions } from 'jose'
import { errors, importJWK, jwtVerify } from 'jose'
import type { JsonObject } from '../model/json.ts'

const SKEW_S = 30

/**
 * Claims of a JWT that one of these keys has signed, for one audience alone, in force now and not from the future.
 * @param invalid MUST throw; it is told in words what is wrong
 */
export async function verifiedJwt(
  jwt: string,
  keys: readonly JWK[],
  options: JWTVerifyOptions & { readonly audience: string; readonly alg: string; readonly now: number },
  invalid: (detail: string) => never,
): Promise<JsonObject> {
  const { alg, now, ...rest } = options
  for (const jwk of keys) {
    try {
      const { payload } = await jwtVerify(jwt, await importJWK(jwk, alg), {
        ...rest,
        algorithms: [alg],
        clockTolerance: SKEW_S,
        currentDate: new Date(now),
      })
      // For others too, and it could be presented here by any of them (RFC 7523 section 3, audience restriction).
      if (Array.isArray(payload.aud) && payload.aud.length > 1)
        return invalid('it is for other audiences too')
      if (typeof payload.iat === 'number' && payload.iat > now / 1000 + SKEW_S)
        return invalid('it is from the future')
      return payload as JsonObject
    } catch (error) {
      if (error instanceof errors.JWSSignatureVerificationFailed) continue
      if (error instanceof errors.JWTExpired) return invalid('it has expired')
      if (error instanceof errors.JWTClaimValidationFailed)
        return invalid(`its \`${error.claim}\` is not what it must be`)
      if (error instanceof errors.JOSEError || error instanceof TypeError) continue
      throw error
    }
  }
  return invalid('no key of its issuer signed it')
}
