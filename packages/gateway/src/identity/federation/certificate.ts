import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { TrustConfig } from '../../config/trust-schema.ts'
import { isCertificateTrust } from '../../config/trust-schema.ts'
import { refuse } from '../../model/refusal.ts'

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'
const MAX_CHAIN = 5

/** A workload that showed a certificate of an authority we trust. */
export interface CertifiedWorkload {
  readonly trust: string
  readonly agentName: string
  /** The name in the certificate that the rule asked for. */
  readonly subject: string
  /** Epoch milliseconds. */
  readonly expiresAt: number
}

/**
 * Finds the agent of a client certificate (RFC 8705 section 2.1). That the client holds its key, the TLS handshake has shown; here it is
 * shown who vouches for it. There is no revocation list: use short lives.
 * @throws Refusal FEDERATION_UNTRUSTED, FEDERATION_NO_RULE, FEDERATION_AMBIGUOUS
 */
export function verifyCertificate(
  der: Buffer,
  trusts: TrustConfig,
  options: { dir: string; now: number },
): CertifiedWorkload {
  const leaf = read(der)
  if (!leaf || leaf.ca || !(leaf.keyUsage ?? []).includes(CLIENT_AUTH)) return refuse('FEDERATION_UNTRUSTED')
  const names = namesOf(leaf)
  for (const [trust, config] of Object.entries(trusts)) {
    if (!isCertificateTrust(config)) continue
    const authorities = authoritiesOf(resolve(options.dir, config.ca))
    if (!chains(leaf, authorities, options.now)) continue
    const fitting = Object.entries(config.agents).flatMap(([agentName, { uri, dns }]) =>
      (uri === undefined || names.uri.includes(uri)) && (dns === undefined || names.dns.includes(dns))
        ? [{ agentName, subject: uri ?? dns ?? '' }]
        : [],
    )
    const [own, other] = fitting
    if (!own) return refuse('FEDERATION_NO_RULE', { trust })
    if (other) return refuse('FEDERATION_AMBIGUOUS', { trust, one: own.agentName, other: other.agentName })
    return { trust, ...own, expiresAt: leaf.validToDate.getTime() }
  }
  return refuse('FEDERATION_UNTRUSTED')
}

function read(bytes: Buffer | string): X509Certificate | undefined {
  try {
    return new X509Certificate(bytes)
  } catch {
    return undefined
  }
}

/** Read at each use, so that a new authority counts at once: a new instance is rare. */
function authoritiesOf(path: string): readonly X509Certificate[] {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return []
  }
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? []
  return blocks.flatMap((block) => read(block) ?? []).filter((certificate) => certificate.ca)
}

/** True when each link signed the one below, all are in their time, and the last one signed itself. */
function chains(leaf: X509Certificate, authorities: readonly X509Certificate[], now: number): boolean {
  let current = leaf
  for (let depth = 0; depth < MAX_CHAIN; depth++) {
    if (current.validFromDate.getTime() > now || current.validToDate.getTime() <= now) return false
    const below = current
    if (depth > 0 && below.checkIssued(below) && below.verify(below.publicKey)) return true
    const above = authorities.find((one) => below.checkIssued(one) && below.verify(one.publicKey))
    if (!above) return false
    current = above
  }
  return false
}

/** Names in the subject alternative name extension; Node writes one with a comma or a quote in it as a JSON string. */
function namesOf({ subjectAltName = '' }: X509Certificate): { uri: string[]; dns: string[] } {
  const names = { uri: [] as string[], dns: [] as string[] }
  for (const [, kind, quoted, plain] of subjectAltName.matchAll(
    /(?:^|, )(URI|DNS):(?:("(?:[^"\\]|\\.)*")|([^,"]*))/g,
  )) {
    const value = quoted === undefined ? plain : (JSON.parse(quoted) as string)
    names[kind === 'URI' ? 'uri' : 'dns'].push(value ?? '')
  }
  return names
}
