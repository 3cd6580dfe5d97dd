import { z } from 'zod'
import { CredentialSchema } from './credential-schema.ts'
import { Duration, LeaseRef, SecretRef, Value } from './fields.ts'

/** The APIs of models that this gateway reads; where each of them expects its key. */
export const MODEL_APIS = ['openai-chat', 'openai-responses', 'anthropic-messages', 'gemini'] as const
export type ModelApi = (typeof MODEL_APIS)[number]

const bearer = (key: string) => ['authorization', `Bearer ${key}`] as const

export const KEY_HEADERS: Record<ModelApi, (key: string) => readonly [name: string, value: string]> = {
  'openai-chat': bearer,
  'openai-responses': bearer,
  'anthropic-messages': (key) => ['x-api-key', key],
  gemini: (key) => ['x-goog-api-key', key],
}

/** A function that an agent carries out by itself, as the model calls it. */
export const LocalTool = z.string().regex(/^[\w.:/-]{1,128}$/, 'write the name as the model calls it')

/** A provider of models. Its name is one of the names of servers, so that segments, locks and policies speak of both alike. */
export const ModelSchema = z.strictObject({
  apis: z.array(z.enum(MODEL_APIS)).min(1).describe('What it speaks.'),
  url: z.url({ protocol: /^https?$/ }).describe('Address of the provider, before `/v1/…` and the like.'),
  key: z
    .union([SecretRef, LeaseRef])
    .optional()
    .describe('Its key, put where the API expects it; the agent never sees it.'),
  headers: z
    .record(z.string(), Value)
    .default({})
    .describe('Further headers injected on the way out; the agent never sees them.'),
  credential: CredentialSchema.optional().describe(
    'What the gateway mints for each task on this provider, and revokes when the task ends.',
  ),
  models: z
    .array(z.string().min(1).max(200))
    .min(1)
    .describe('Models that may be asked for, as the provider names them; `*` for all.'),
  provider_tools: z
    .enum(['refuse', 'remove'])
    .default('refuse')
    .describe(
      'What becomes of a request that offers tools of the provider (search, code, connectors): they work past the gateway.',
    ),
  timeout: Duration.default('300s').describe('Longest silence of the provider while a call is open.'),
})

export type ModelConfig = z.output<typeof ModelSchema>
