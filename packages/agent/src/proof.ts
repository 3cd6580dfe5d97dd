import { hash, randomUUID } from 'node:crypto'
import type { InstanceKey } from './key.ts'

/** Digest of a body in the form of RFC 9530. */
export const contentDigest = (body: string | Uint8Array): string =>
  `sha-256=:${hash('sha256', body, 'base64')}:`

/** What a DPoP proof is for. */
export interface Proven {
  readonly method: string
  readonly url: string
  readonly accessToken?: string | undefined
  /** The exact bytes that will be sent. */
  readonly body?: string | Uint8Array | undefined
}

/**
 * A DPoP proof (RFC 9449 section 4.2) for one request; with a body it also states the body's digest (MCP DPoP profile), since all MCP
 * requests have the same method and address.
 */
export function dpopProof(key: InstanceKey, { method, url, accessToken, body }: Proven): string {
  return key.signJwt(
    { typ: 'dpop+jwt', jwk: key.jwk },
    {
      htm: method,
      htu: url.split(/[?#]/, 1)[0],
      iat: Math.floor(Date.now() / 1000),
      jti: randomUUID(),
      ...(accessToken === undefined ? {} : { ath: hash('sha256', accessToken, 'base64url') }),
      ...(body === undefined ? {} : { content_digest: contentDigest(body) }),
    },
  )
}

/** A short-lived JWT for the gateway alone, by which a key proves itself. Good once. */
export function keyJwt(
  key: InstanceKey,
  options: { typ: string; issuer: string; lifeS: number; claims?: Readonly<Record<string, unknown>> },
): string {
  const now = Math.floor(Date.now() / 1000)
  return key.signJwt(
    { typ: options.typ },
    { ...options.claims, aud: options.issuer, iat: now, exp: now + options.lifeS, jti: randomUUID() },
  )
}
