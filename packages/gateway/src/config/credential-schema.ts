import { z } from 'zod'
import { SecretRef } from './fields.ts'

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

/** How a credential is minted. To add a kind: a member here and a broker in `credentials/brokers/index.ts`. */
export const CredentialSchema = z.discriminatedUnion('kind', [PostgresCredential])

export type CredentialConfig = z.output<typeof CredentialSchema>
export type CredentialKind = CredentialConfig['kind']
export type CredentialOf<K extends CredentialKind> = Extract<CredentialConfig, { kind: K }>
