import { z } from 'zod'
import { parseDuration } from '../lib/duration.ts'

/** A name that is safe in paths, Cedar ids and prefixed tool names (`server__tool`): no underscore, no slash. */
export const Name = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9-]{0,39}$/,
    'use 1 to 40 lower-case letters, digits and hyphens, starting with a letter or digit',
  )

export const Duration = z
  .string()
  .refine((text) => parseDuration(text) !== undefined, 'write a duration such as 90s, 15m, 8h or 2d')
  .meta({ pattern: '^\\d{1,9}(ms|s|m|h|d)$' })

export const SealedRef = z.strictObject({
  broker: z
    .string()
    .regex(/^sealed:[A-Za-z0-9._-]{1,80}$/, 'write sealed:<name>')
    .describe('A secret sealed in the store: `sealed:<name>`.'),
})

export const SecretRef = z
  .union([
    z.strictObject({
      file: z.string().min(1).describe('Path of a file whose content is the secret; mode 0600.'),
    }),
    z.strictObject({ env: z.string().min(1).describe('Environment variable of the gateway process.') }),
    SealedRef,
  ])
  .describe('Where a secret comes from. Literal secrets are refused.')

/** A part of what a credential of the server yields, e.g. `token` or `url`. */
export const LeaseRef = z
  .strictObject({
    lease: z.string().regex(/^[a-z_]{1,30}$/, 'write the name of a value, such as token or url'),
  })
  .describe('A value of the server’s own `credential`, minted when a task first needs it.')

export const Value = z.union([z.string(), SecretRef, LeaseRef])

export type SecretReference = z.output<typeof SecretRef>
export type SealedReference = z.output<typeof SealedRef>

/** For fields that the schema has already checked. */
export function durationMs(text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined) throw new RangeError(`not a duration: ${text}`)
  return ms
}
