import { z } from 'zod'
import { Name, SecretRef } from './fields.ts'

const Https = z.url({ protocol: /^https?$/ })

/** Shared Signals (OpenID SSF and CAEP): what others tell us of people, and what we tell others of agents. */
export const SignalsSchema = z.strictObject({
  receive: z
    .record(
      Name,
      z.strictObject({
        issuer: Https.describe('Exactly the `iss` of its tokens.'),
        jwks: z
          .union([Https, z.strictObject({ file: z.string().min(1) })])
          .optional()
          .describe('Left out: found by its discovery document.'),
        audience: z
          .string()
          .min(1)
          .optional()
          .describe('The `aud` of its tokens. This gateway’s address unless given.'),
      }),
    )
    .default({})
    .describe('Transmitters whose events are believed, pushed to /ssf/events (RFC 8935).'),
  send: z
    .array(
      z.strictObject({
        audience: z.string().min(1),
        endpoint: Https.describe('Where events are pushed (RFC 8935).'),
        authorization: SecretRef.optional().describe('Value of the Authorization header.'),
      }),
    )
    .default([])
    .describe('Receivers that learn when a task has ended or an instance is revoked.'),
})

export type SignalsConfig = z.output<typeof SignalsSchema>
