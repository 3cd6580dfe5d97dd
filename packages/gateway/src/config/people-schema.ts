import { z } from 'zod'
import { SecretRef } from './fields.ts'

export const ROLES = ['viewer', 'approver', 'operator', 'security-officer', 'auditor'] as const
export type Role = (typeof ROLES)[number]

const Rule = z.strictObject({
  claim: z.string().min(1).max(100).describe('Claim of the ID token, e.g. groups.'),
  is: z.string().min(1).max(200).describe('Its value, or one of its values.'),
})

/** People who sign in at the gateway: operators, and those for whom interactive agents act. */
export const PeopleSchema = z.strictObject({
  sign_in: z
    .strictObject({
      issuer: z.url({ protocol: /^https?$/ }).describe('OpenID Connect issuer of the organisation.'),
      client_id: z.string().min(1),
      client_secret: SecretRef.optional().describe('Left out for a public client.'),
      name_claim: z.string().default('email').describe('Claim that names the person in every record.'),
      roles: z
        .partialRecord(z.enum(ROLES), Rule)
        .default({})
        .describe(
          'Role to the claim that gives it. Who matches none can do nothing but let agents act for them.',
        ),
      scope: z.string().default('openid email profile'),
    })
    .optional()
    .describe(
      'Sign-in through the organisation’s own provider. One-time links and passkeys work without it.',
    ),
})

export type PeopleConfig = z.output<typeof PeopleSchema>
export type SignInConfig = NonNullable<PeopleConfig['sign_in']>
