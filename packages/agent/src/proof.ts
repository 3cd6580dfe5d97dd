import { createHash, randomUUID } from 'node:crypto'
import type { InstanceKey } from './key.ts'

/** RFC 9530 digest of a body. */
export const contentDigest = (body: string | Uint8Array): string =>
  `sha-256=:${createHash('sha256').update(body).digest('base64')}:`

/**
 * A DPoP proof (RFC 9449 section 4.2) for one request; with a body it also states the body's digest (MCP DPoP profile), since all MCP
 * requests have the same method and address.
 */
export function dpopProof(
  key: InstanceKey,
  request: {
    method: string
    url: string
    accessToken?: string | undefined
    body?: string | Uint8Array | undefined
  },
): string {
  const { method, url, accessToken, body } = request
  return key.signJwt(
    { typ: 'dpop+jwt', jwk: key.jwk },
    {
      htm: method,
      htu: url.split(/[?#]/, 1)[0],
      iat: Math.floor(Date.now() / 1000),
      jti: randomUUID(),
      ...(accessToken === undefined
        ? {}
        : { ath: createHash('sha256').update(accessToken).digest('base64url') }),
      ...(body === undefined ? {} : { content_digest: contentDigest(body) }),
    },
  )
}
