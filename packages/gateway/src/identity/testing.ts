import type { KeyObject } from 'node:crypto'
import { createHmac, generateKeyPairSync, hash, randomUUID, sign } from 'node:crypto'

/** A key pair with its public JWK, for tests that play the agent. */
export interface TestKey {
  readonly privateKey: KeyObject
  readonly jwk: Record<string, unknown>
  readonly alg: 'ES256' | 'EdDSA'
  readonly jkt: string
}

export function testKey(alg: TestKey['alg'] = 'ES256'): TestKey {
  const { privateKey, publicKey } =
    alg === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519')
  const jwk = publicKey.export({ format: 'jwk' })
  const { crv, kty, x, y } = jwk
  const members = y === undefined ? { crv, kty, x } : { crv, kty, x, y }
  return { privateKey, jwk: { ...jwk }, alg, jkt: hash('sha256', JSON.stringify(members), 'base64url') }
}

const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url')

/** A compact JWS; `header` may overwrite `alg`, to make what must be refused. */
export function signJws(key: TestKey, header: object, claims: object): string {
  const input = `${encode({ alg: key.alg, ...header })}.${encode(claims)}`
  const signature =
    key.alg === 'ES256'
      ? sign('sha256', Buffer.from(input), { key: key.privateKey, dsaEncoding: 'ieee-p1363' })
      : sign(null, Buffer.from(input), key.privateKey)
  return `${input}.${signature.toString('base64url')}`
}

/** A JWS whose HMAC key is the public JWK: what algorithm confusion would take. */
export function confusedJws(key: TestKey, header: object, claims: object): string {
  const input = `${encode({ alg: 'HS256', ...header })}.${encode(claims)}`
  return `${input}.${createHmac('sha256', JSON.stringify(key.jwk)).update(input).digest('base64url')}`
}

export const proofClaims = (change: object = {}, now = Date.now()) => ({
  htm: 'POST',
  htu: 'https://gw.example/mcp/files',
  iat: Math.floor(now / 1000),
  jti: randomUUID(),
  ...change,
})

export const proofBy = (key: TestKey, claims: object, header: object = {}): string =>
  signJws(key, { typ: 'dpop+jwt', jwk: key.jwk, ...header }, claims)
