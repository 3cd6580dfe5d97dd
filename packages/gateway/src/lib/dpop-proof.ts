import { createPublicKey, hash, randomUUID, sign } from 'node:crypto'
import type { RequestKey, SignedRequest } from './http-signature.ts'

/**
 * A DPoP proof (RFC 9449 section 4.2) by which this gateway shows an upstream that a token is its own, for one request. With a body it also
 * states the body's digest (MCP DPoP profile).
 * @param now epoch milliseconds
 */
export function dpopProof(key: RequestKey, token: string, request: SignedRequest, now: number): string {
  const { crv, x, y } = createPublicKey(key.pem).export({ format: 'jwk' })
  const header = { alg: 'ES256', typ: 'dpop+jwt', jwk: { kty: 'EC', crv, x, y } }
  const claims = {
    htm: request.method,
    htu: request.url.split(/[?#]/, 1)[0],
    iat: Math.floor(now / 1000),
    jti: randomUUID(),
    ath: hash('sha256', token, 'base64url'),
    ...(request.body === undefined
      ? {}
      : { content_digest: `sha-256=:${hash('sha256', request.body, 'base64')}:` }),
  }
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const input = `${encode(header)}.${encode(claims)}`
  const signature = sign('sha256', Buffer.from(input), { key: key.pem, dsaEncoding: 'ieee-p1363' })
  return `${input}.${signature.toString('base64url')}`
}
