import { hash, sign } from 'node:crypto'
import { httpbis } from 'http-message-signatures'

/** How long a signed request may take to arrive. */
const LIFETIME_S = 60

/** An ES256 key for signing requests; data, so that it can go to another process of this gateway. */
export interface RequestKey {
  /** As published in `/oauth/jwks`. */
  readonly kid: string
  /** PKCS #8 PEM. */
  readonly pem: string
}

export interface SignedRequest {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
}

/**
 * Headers by which an upstream can tell that a request is this gateway's and unchanged (RFC 9421, `ecdsa-p256-sha256`): method, address,
 * body (RFC 9530) and credentials are covered.
 * @param now epoch milliseconds
 */
export function signRequest(key: RequestKey, request: SignedRequest, now: number): Record<string, string> {
  const { method, url, body } = request
  const headers: Record<string, string> = { ...request.headers }
  if (body !== undefined) headers['content-digest'] = `sha-256=:${hash('sha256', body, 'base64')}:`
  const fields = ['@method', '@target-uri', 'content-digest', 'authorization', 'mcp-session-id'].filter(
    (name) => name.startsWith('@') || headers[name] !== undefined,
  )
  const created = Math.floor(now / 1000)
  const names = fields.map((name) => `"${name}"`).join(' ')
  const parameters = `(${names});created=${created};expires=${created + LIFETIME_S};keyid="${key.kid}";alg="ecdsa-p256-sha256";tag="ostiary"`
  const base = httpbis.createSignatureBase(
    { fields: fields.map((name) => `"${name}"`) },
    { method, url, headers },
  )
  const text = httpbis.formatSignatureBase([...base, ['"@signature-params"', [parameters]]])
  const signature = sign('sha256', Buffer.from(text), { key: key.pem, dsaEncoding: 'ieee-p1363' })
  return {
    ...(headers['content-digest'] === undefined ? {} : { 'content-digest': headers['content-digest'] }),
    'signature-input': `ostiary=${parameters}`,
    signature: `ostiary=:${signature.toString('base64')}:`,
  }
}
