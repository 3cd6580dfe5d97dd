import type { KeyObject } from 'node:crypto'
import { createPublicKey, hash, verify } from 'node:crypto'
import { parseStrict } from '../lib/strict-json.ts'
import type { JsonObject } from '../model/json.ts'
import { isObject } from '../model/json.ts'

/** A compact JWS that cannot be accepted; the message says why, in words for a person. */
export class JwsInvalid extends Error {
  override name = 'JwsInvalid'
}

const MAX_LENGTH = 8192
const MAX_KEYS = 10_000
const MAX_CACHED_HEADER = 1024

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
    const { value } = parseStrict(Buffer.from(part, 'base64url'))
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
  const { kty, crv } = jwk
  if (kty === 'EC' && crv === 'P-256')
    return importKey('ES256', { crv, kty, x: coordinate(jwk.x), y: coordinate(jwk.y) })
  if (kty === 'OKP' && crv === 'Ed25519') return importKey('EdDSA', { crv, kty, x: coordinate(jwk.x) })
  throw new JwsInvalid('the key must be P-256 (ES256) or Ed25519 (EdDSA)')
}

/** Exactly 32 bytes in their one base64url spelling: another spelling would give one key two thumbprints. */
function coordinate(value: unknown): string {
  if (typeof value === 'string' && value.length === 43) {
    const bytes = Buffer.from(value, 'base64url')
    if (bytes.length === 32 && bytes.toString('base64url') === value) return value
  }
  throw new JwsInvalid('the key is malformed')
}

/** `members` are the required ones in the order of RFC 7638, so their JSON is what the thumbprint is taken of. */
function importKey(
  alg: PublicJwk['alg'],
  members: { crv: string; kty: string; x: string; y?: string },
): PublicJwk {
  const jwk = JSON.stringify(members)
  let key: KeyObject
  try {
    key = createPublicKey({ key: members, format: 'jwk' })
  } catch {
    throw new JwsInvalid('the key is malformed')
  }
  return { key, alg, jkt: hash('sha256', jwk, 'base64url'), jwk }
}

/** Verifies with exactly the algorithm of the key: `none` and HMAC never pass. @throws JwsInvalid */
export function verifyJws(jws: Jws, key: PublicJwk): void {
  if (jws.header.alg !== key.alg) throw new JwsInvalid('its algorithm is not the one of the key')
  const ok =
    key.alg === 'ES256'
      ? verify('sha256', jws.signed, { key: key.key, dsaEncoding: 'ieee-p1363' }, jws.signature)
      : verify(null, jws.signed, key.key, jws.signature)
  if (!ok) throw new JwsInvalid('its signature is wrong')
}

/**
 * Imported keys by the encoded header they came in, least recently used out first: importing costs more than a quarter of a
 * verification. Only keys that verified a signature are kept, and only from headers of a usual size, so that memory is bounded.
 */
export class KeyCache {
  readonly #keys = new Map<string, PublicJwk>()
  readonly #limit: number

  constructor(limit = MAX_KEYS) {
    this.#limit = limit
  }

  get size(): number {
    return this.#keys.size
  }

  /** Verifies a JWS with the key in its own header. @throws JwsInvalid */
  verify(jws: Jws): PublicJwk {
    const { encodedHeader } = jws
    const known = this.#keys.get(encodedHeader)
    const key = known ?? readJwk(jws.header.jwk)
    verifyJws(jws, key)
    if (known) this.#keys.delete(encodedHeader)
    else if (encodedHeader.length > MAX_CACHED_HEADER) return key
    else if (this.#keys.size >= this.#limit) this.#keys.delete(this.#keys.keys().next().value as string)
    this.#keys.set(encodedHeader, key)
    return key
  }
}
