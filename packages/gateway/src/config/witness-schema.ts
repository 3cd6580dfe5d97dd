import { z } from 'zod'
import { Duration } from './fields.ts'

/** A file of C2SP tlog-policy: whom the gateway asks for cosignatures, and how many are enough. */
export const WitnessesSchema = z
  .string()
  .min(1)
  .describe(
    'Policy file (C2SP tlog-policy), relative to this file: `witness` lines with the address of each, and the `quorum`. Read at start.',
  )

export const HeartbeatSchema = Duration.default('1m').describe(
  'With witnesses: an entry is written after this long without any, so that a log that was stopped shows. Read at start.',
)

export const CosignedBeforeSchema = z
  .strictObject({
    tools: z
      .array(z.string().regex(/^[a-z0-9-]+\/.+$/, 'write server/tool or server/*'))
      .min(1)
      .describe('`server/tool` or `server/*`.'),
    timeout: Duration.default('5s').describe('Longest wait; then the call is denied.'),
  })
  .describe(
    'Calls that are forwarded only after a quorum of witnesses has cosigned the record of their intent.',
  )

export type CosignedBefore = z.output<typeof CosignedBeforeSchema>
