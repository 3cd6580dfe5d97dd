import type { KeyObject } from 'node:crypto'
import { createPublicKey, hash, verify } from 'node:crypto'
import { parseStrictText } from '../lib/strict-json.ts'
import type { JsonObject } from '../model/json.ts'
import { isObject } from '../model/json.ts'

/** A compact JWS that cannot be accepted; the message says why, in words for a person. */
export class JwsInvalid extends Error {
  override name = 'JwsInvalid'
}

const MAX_LENGTH = 8192
const MAX_KEYS = 10_000

/** A key in use: its object and RFC 7638 thumbprint. */
export interface PublicJwk {
  readonly key: KeyObject
  readonly alg: 'ES256' | 'EdDSA'
  readonly jkt: string
  /** Canonical public members only. */
  readonly jwk: string
}

export interface Jws {
  readonly header: JsonObject
  readonly encodedHeader: string
  readonly payload: JsonObject
  readonly signed: Buffer
  readonly signature: Buffer
}

/** Splits and decodes; nothing is verified yet. @throws JwsInvalid */
export function parseJws(text: string): Jws {
  const match = text.length <= MAX_LENGTH ? /^([\w-]+)\.([\w-]+)\.([\w-]+)$/.exec(text) : null
  if (!match) throw new JwsInvalid('it is not a compact JWS')
  const [, encodedHeader = '', encodedPayload = '', signature = ''] = match
  const header = decode(encodedHeader)
  if ('crit' in header) throw new JwsInvalid('it has critical extensions, which are not understood')
  return {
    header,
    encodedHeader,
    payload: decode(encodedPayload),
    signed: Buffer.from(`${encodedHeader}.${encodedPayload}`),
    signature: Buffer.from(signature, 'base64url'),
  }
}

function decode(part: string): JsonObject {
  try {
    const value = parseStrictText(Buffer.from(part, 'base64url').toString('utf8'))
    if (isObject(value)) return value
  } catch {
    // Said below.
  }
  throw new JwsInvalid('it does not hold JSON objects')
}

/**
 * Reads a public key for ES256 or EdDSA (Ed25519).
 * @throws JwsInvalid for private members, other curves and algorithms
 */
export function readJwk(jwk: unknown): PublicJwk {
  if (!isObject(jwk)) throw new JwsInvalid('the key is not a JWK')
  if ('d' in jwk || 'k' in jwk || 'p' in jwk) throw new JwsInvalid('the key holds private parts')
  const { kty, crv, x, y } = jwk
  if (typeof x !== 'string' || x.length > 100) throw new JwsInvalid('the key is malformed')
  let canonical: string
  let alg: PublicJwk['alg']
  if (kty === 'EC' && crv === 'P-256' && typeof y === 'string' && y.length <= 100) {
    canonical = JSON.stringify({ crv, kty, x, y })
    alg = 'ES256'
  } else if (kty === 'OKP' && crv === 'Ed25519') {
    canonical = JSON.stringify({ crv, kty, x })
    alg = 'EdDSA'
  } else throw new JwsInvalid('the key must be P-256 (ES256) or Ed25519 (EdDSA)')
  try {
    const key = createPublicKey({ key: JSON.parse(canonical) as JsonWebKeyInput, format: 'jwk' })
    return { key, alg, jkt: hash('sha256', canonical, 'base64url'), jwk: canonical }
  } catch {
    throw new JwsInvalid('the key is malformed')
  }
}

type JsonWebKeyInput = { kty: string; crv: string; x: string; y?: string }

/** Verifies with exactly the algorithm of the key: `none` and HMAC never pass. @throws JwsInvalid */
export function verifyJws(jws: Jws, key: PublicJwk): void {
  if (jws.header.alg !== key.alg) throw new JwsInvalid('its algorithm is not the one of the key')
  const ok =
    key.alg === 'ES256'
      ? verify('sha256', jws.signed, { key: key.key, dsaEncoding: 'ieee-p1363' }, jws.signature)
      : verify(null, jws.signed, key.key, jws.signature)
  if (!ok) throw new JwsInvalid('its signature is wrong')
}

/** Keys by the encoded header they came in: importing a key costs more than a quarter of a verification. Oldest out first. */
export class KeyCache {
  readonly #keys = new Map<string, PublicJwk>()

  get(encodedHeader: string, jwk: unknown): PublicJwk {
    const cached = this.#keys.get(encodedHeader)
    if (cached) return cached
    const key = readJwk(jwk)
    if (this.#keys.size >= MAX_KEYS) this.#keys.delete(this.#keys.keys().next().value as string)
    this.#keys.set(encodedHeader, key)
    return key
  }
}
