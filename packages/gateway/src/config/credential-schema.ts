import { z } from 'zod'
import { SealedRef, SecretRef } from './fields.ts'

const Identifier = z
  .string()
  .regex(/^[a-z_][a-z0-9_]{0,62}$/, 'write a plain lower-case name, such as patient_reader')

/** A role of its own for each task, with the rights of a template role and the rows of one subject. */
const PostgresCredential = z.strictObject({
  kind: z.literal('postgres'),
  admin: SecretRef.describe('Connection string of a role that may create roles; agents never see it.'),
  role: Identifier.describe('Template role whose rights each task’s role inherits.'),
  scope: z
    .strictObject({
      schema: Identifier.default('ostiary'),
      table: Identifier.default('task_scope'),
    })
    .optional()
    .describe(
      'Table (role_name, subject) that row-level security reads by session_user. The task’s subject is written there.',
    ),
  connections: z.number().int().min(1).max(50).default(4).describe('Connections one task may hold.'),
})

const Https = z.url({ protocol: /^https?$/ })
const ClientId = z.string().min(1).max(500)
const Scope = z
  .string()
  .min(1)
  .max(1000)
  .describe('Scope to ask for; `{subject}` stands for the subject of the task.')

/** How this gateway proves who it is to another authorization server. */
const ClientAuth = z.union([
  z.strictObject({ secret: SecretRef.describe('Client secret (client_secret_basic).') }),
  z.strictObject({
    key: SecretRef.describe('Private key, PKCS #8 PEM (private_key_jwt).'),
    alg: z.enum(['ES256', 'ES384', 'RS256', 'RS384', 'PS256', 'EdDSA']).default('ES256'),
    kid: z.string().min(1).optional(),
  }),
])

/** A token of another authorization server, for each task its own. */
const OauthCredential = z.strictObject({
  kind: z.literal('oauth'),
  issuer: z.string().min(1).describe('Issuer of the authorization server: the audience of assertions.'),
  token_endpoint: Https.optional().describe(
    'Found by the metadata of the issuer (RFC 8414) unless given; the issuer is then an address.',
  ),
  revocation_endpoint: Https.optional().describe(
    'RFC 7009. Where neither this nor the metadata name one, a token can only lapse.',
  ),
  client_id: ClientId,
  auth: ClientAuth,
  grant: z
    .union([
      z.literal('client_credentials'),
      z.literal('token_exchange'),
      z.strictObject({
        refresh_token: SealedRef.describe(
          'A consent that a person gave once. Sealed, since the authorization server may replace it at each use.',
        ),
      }),
    ])
    .default('client_credentials')
    .describe('token_exchange hands over a token that names agent, task and person (RFC 8693).'),
  scope: Scope.optional(),
  resource: Https.optional(),
  audience: z.string().min(1).optional(),
})

/** SMART Backend Services (HL7 SMART App Launch 2.2): a short system token for a FHIR server. */
const SmartCredential = z.strictObject({
  kind: z.literal('smart-backend'),
  token_endpoint: Https,
  client_id: ClientId,
  key: SecretRef.describe('Private key, PKCS #8 PEM.'),
  alg: z.enum(['ES384', 'RS384']).default('ES384'),
  kid: z.string().min(1),
  scope: z
    .string()
    .regex(/^(system\/\S+)( system\/\S+)*$/, 'backend services have system/ scopes only')
    .describe('For example `system/Patient.rs system/Observation.rs`.'),
  max_lifetime: z
    .number()
    .int()
    .min(30)
    .max(3600)
    .default(300)
    .describe('Seconds. A token that is good for longer is refused: it cannot be revoked.'),
})

/** An installation token of a GitHub App, for some repositories and permissions only. */
const GithubCredential = z.strictObject({
  kind: z.literal('github-app'),
  api: Https.default('https://api.github.com'),
  app_id: z.string().min(1),
  installation_id: z.string().regex(/^\d+$/, 'a number'),
  key: SecretRef.describe('Private key of the app, PKCS #8 PEM.'),
  repositories: z.array(z.string().min(1).max(100)).min(1).max(500),
  permissions: z
    .record(z.string().regex(/^[a-z_]+$/), z.enum(['read', 'write']))
    .refine((given) => Object.keys(given).length > 0, 'name at least one: none means all that the app has'),
})

/** Temporary AWS credentials, cut down by a session policy. */
const AwsCredential = z.strictObject({
  kind: z.literal('aws-sts'),
  role: z.string().regex(/^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]+$/, 'the ARN of a role'),
  region: z.string().regex(/^[a-z0-9-]+$/),
  endpoint: Https.optional().describe('Of STS; the region’s own unless given.'),
  access_key_id: SecretRef,
  secret_access_key: SecretRef,
  policy: z
    .record(z.string(), z.json())
    .describe('Session policy: what remains of the role. `{subject}` in a text is the subject of the task.'),
  lifetime: z.number().int().min(900).max(3600).default(900).describe('Seconds.'),
})

/** A dynamic secret of HashiCorp Vault or OpenBao. */
const VaultCredential = z.strictObject({
  kind: z.literal('vault'),
  address: Https,
  path: z
    .string()
    .regex(/^[A-Za-z0-9_-]+(\/[A-Za-z0-9_.-]+)+$/, 'a path such as database/creds/reader')
    .describe('Read for each task; its fields are the values.'),
  token: SecretRef,
  namespace: z.string().min(1).optional(),
})

/** A JWT of this gateway itself, for an upstream that verifies it by `/oauth/jwks`. */
const OutwardCredential = z.strictObject({
  kind: z.literal('outward-jwt'),
  audience: z.string().min(1).describe('The `aud` the upstream asks for: that server alone.'),
  dpop: z
    .boolean()
    .default(false)
    .describe('Bind it to this gateway’s key (`cnf`) and prove that with each request (RFC 9449).'),
})

/** How a credential is minted. To add a kind: a member here and a broker in `credentials/brokers/index.ts`. */
export const CredentialSchema = z.discriminatedUnion('kind', [
  PostgresCredential,
  OauthCredential,
  SmartCredential,
  GithubCredential,
  AwsCredential,
  VaultCredential,
  OutwardCredential,
])

export type ClientAuthConfig = z.output<typeof ClientAuth>
export type CredentialConfig = z.output<typeof CredentialSchema>
export type CredentialKind = CredentialConfig['kind']
export type CredentialOf<K extends CredentialKind> = Extract<CredentialConfig, { kind: K }>
