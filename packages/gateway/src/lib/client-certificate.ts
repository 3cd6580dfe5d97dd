import { hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'

/** Carries the certificate of a connection inside the gateway; whatever a client sends under this name is dropped first. */
const HEADER = 'x-ostiary-client-certificate'

export interface ClientCertificate {
  readonly der: Buffer
  /** base64url SHA-256 of the DER form: `x5t#S256` of RFC 8705 section 3.1. */
  readonly thumbprint: string
}

/** Replaces the header by what this very connection proved in its TLS handshake; removes it where there is nothing. */
export function noteCertificate(req: IncomingMessage): void {
  // Both forms are read, by different parts of the gateway.
  if (req.headers[HEADER] !== undefined) {
    delete req.headers[HEADER]
    for (let i = req.rawHeaders.length - 2; i >= 0; i -= 2) {
      if (req.rawHeaders[i]?.toLowerCase() === HEADER) req.rawHeaders.splice(i, 2)
    }
  }
  const { getPeerCertificate } = req.socket as Partial<TLSSocket>
  const der = getPeerCertificate?.call(req.socket).raw
  if (!der) return
  const text = der.toString('base64')
  req.headers[HEADER] = text
  req.rawHeaders.push(HEADER, text)
}

/** For requests that {@link noteCertificate} has seen, in this process or in the worker that handed them on. */
export function certificateOf(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): ClientCertificate | undefined {
  const text = headers[HEADER]
  if (typeof text !== 'string') return undefined
  const der = Buffer.from(text, 'base64')
  return { der, thumbprint: hash('sha256', der, 'base64url') }
}
