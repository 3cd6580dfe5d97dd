import { z } from 'zod'
import { Duration, Name } from './fields.ts'

const Matcher = z.union([
  z.string().min(1).max(500),
  z.array(z.string().min(1).max(500)).min(1).max(50),
  z.strictObject({
    prefix: z
      .string()
      .min(2)
      .max(500)
      .regex(/[/:]$/, 'a prefix ends with / or :, so that no longer name begins with it'),
  }),
])

const Rules = z
  .record(z.string().min(1).max(100), Matcher)
  .refine((rules) => Object.keys(rules).length > 0, 'name at least one claim')
  .describe(
    'Claim (nested ones as a/b) to what it must be: a text, one of several, or a prefix. All must hold.',
  )

const Agents = z
  .record(Name, Rules)
  .describe('Agent to the claims of its workloads. A token that fits two agents is refused.')

export const Keys = z
  .union([
    z.url({ protocol: /^https?$/ }),
    z.strictObject({ file: z.string().min(1).describe('File with a JWK set.') }),
  ])
  .describe('Where the issuer’s keys are.')

const Oidc = z.strictObject({
  issuer: z.url({ protocol: /^https?$/ }).describe('Exactly the `iss` of its tokens.'),
  jwks: Keys.optional().describe('Left out: found by the issuer’s own discovery document.'),
  audience: z
    .string()
    .min(1)
    .optional()
    .describe('The `aud` its tokens must have. This gateway’s address unless given.'),
  max_lifetime: Duration.default('24h').describe('Tokens that are good for longer are refused.'),
  agents: Agents,
})

const Spiffe = z.strictObject({
  trust_domain: z
    .string()
    .regex(/^[a-z0-9._-]{1,255}$/, 'write a trust domain such as example.org')
    .describe('SPIFFE trust domain.'),
  bundle: Keys.describe('Where the trust bundle is: a JWK set with `use: jwt-svid` keys.'),
  audience: z.string().min(1).optional(),
  agents: Agents,
})

const X509 = z.strictObject({
  ca: z.string().min(1).describe('PEM file with the authority’s certificates, roots and intermediates.'),
  agents: z
    .record(
      Name,
      z
        .strictObject({ uri: z.string().min(1).optional(), dns: z.string().min(1).optional() })
        .refine((rule) => rule.uri !== undefined || rule.dns !== undefined, 'give `uri` or `dns`'),
    )
    .describe('Agent to a name in the certificate (subject alternative name), exactly.'),
})

/** Who else vouches for workloads: their instances come in without a one-time code. */
export const TrustSchema = z.record(Name, z.union([Oidc, Spiffe, X509]))

export type TrustConfig = z.output<typeof TrustSchema>
export type TrustEntry = TrustConfig[string]
export type TokenTrust = z.output<typeof Oidc> | z.output<typeof Spiffe>
export type CertificateTrust = z.output<typeof X509>
export type KeySource = z.output<typeof Keys>
export type ClaimRules = z.output<typeof Rules>

export const isCertificateTrust = (trust: TrustEntry): trust is CertificateTrust => 'ca' in trust

/** Claims that many workloads of an organisation share: a rule of these alone lets in all of them. */
const TOO_WIDE: ReadonlySet<string> = new Set([
  'repository_owner',
  'repository_owner_id',
  'namespace_path',
  'kubernetes.io/namespace',
  'aud',
  'iss',
  'environment',
  'ref',
  'workflow',
])

/** Rules that would let in more than one workload by mistake. */
export function trustProblems(trusts: TrustConfig): { path: readonly PropertyKey[]; message: string }[] {
  return Object.entries(trusts).flatMap(([name, trust]) =>
    isCertificateTrust(trust)
      ? []
      : Object.entries(trust.agents).flatMap(([agent, rules]) =>
          Object.keys(rules).every((claim) => TOO_WIDE.has(claim))
            ? [
                {
                  path: ['trust', name, 'agents', agent],
                  message:
                    'these claims are shared by many workloads; add one that names this one, such as `sub` or `repository`',
                },
              ]
            : [],
        ),
  )
}
