import { z } from 'zod'
import { Duration, durationMs, SecretRef } from './fields.ts'

const S3Mirror = z.strictObject({
  bucket: z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'write the name of a bucket'),
  region: z
    .string()
    .regex(/^[a-z0-9-]{1,40}$/, 'write a region such as eu-central-1')
    .default('us-east-1'),
  prefix: z
    .string()
    .regex(/^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/, 'use letters, digits, . _ - and / between them')
    .optional()
    .describe('Folder in the bucket.'),
  endpoint: z
    .string()
    .regex(/^https?:\/\/[A-Za-z0-9.:[\]{}-]+\/?$/, 'write an address such as https://s3.example.org')
    .optional()
    .describe(
      'Where a store other than Amazon is; with `{bucket}` in it where the bucket belongs to the host name.',
    ),
  access_key_id: SecretRef,
  secret_access_key: SecretRef,
  session_token: SecretRef.optional(),
  timeout: Duration.default('20s').describe('Longest time for one request.'),
  lock: z
    .union([
      z.literal(false),
      z.strictObject({
        retain: Duration.default('2190d').describe('For how long nobody can remove what is complete.'),
        tail: Duration.default('1d').describe(
          'The same for the newest part, which is put again until it is complete.',
        ),
      }),
    ])
    .prefault({})
    .describe(
      'Object lock in compliance mode. false for a bucket without it: whoever has the keys can then remove the copy.',
    ),
})

const common = {
  every: Duration.default('10s').describe('How often the newest part is copied: what a lost disk can cost.'),
  required: z.boolean().default(false).describe('Refuse calls while the copy is behind.'),
  max_behind: Duration.default('30s').describe('With `required`: how old the newest copy may be.'),
}

/** A second place that the log is copied to. */
export const MirrorSchema = z
  .union([
    z.strictObject({
      directory: z
        .string()
        .min(1)
        .describe('A folder on another disk or machine, relative to this file. It has to be there.'),
      ...common,
    }),
    z.strictObject({ s3: S3Mirror, ...common }),
  ])
  .refine(({ every }) => durationMs(every) >= 100, '`every` has to be at least 100ms')
  .refine(
    ({ required, every, max_behind }) => !required || durationMs(max_behind) >= 2 * durationMs(every),
    '`max_behind` has to be at least twice `every`',
  )

export type MirrorConfig = z.output<typeof MirrorSchema>
export type S3MirrorConfig = z.output<typeof S3Mirror>
