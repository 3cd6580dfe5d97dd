import { z } from 'zod'
import { Duration, durationMs, Name } from './fields.ts'
import { MirrorSchema } from './mirror-schema.ts'
import { SignerSchema } from './signer-schema.ts'
import { SinksSchema } from './sink-schema.ts'
import { CosignedBeforeSchema, HeartbeatSchema, WitnessesSchema } from './witness-schema.ts'

/** Six years: 45 CFR 164.316(b)(2)(i). */
const SIX_YEARS = '2192d'

/** The log: what is kept in it, who vouches for it, and who may read it. */
export const AuditSchema = z.strictObject({
  sinks: SinksSchema,
  witnesses: WitnessesSchema.optional(),
  heartbeat: HeartbeatSchema,
  cosigned_before: CosignedBeforeSchema.optional(),
  signer: SignerSchema,
  publish: z
    .enum(['none', 'hashes', 'all'])
    .default('none')
    .describe(
      'What anybody may read at /log/ (C2SP tlog-tiles): nothing, the checkpoint and hashes, or the entries too. Operators with the permission `audit` read all of it at /control/log/.',
    ),
  content: z
    .enum(['none', 'arguments', 'arguments-and-results'])
    .default('arguments')
    .describe('What of a call is kept, sealed, beside its entry. Entries themselves never hold it.'),
  retention: z
    .strictObject({
      clinical: Duration.default(SIX_YEARS).describe('Content of tasks about a subject.'),
      general: Duration.default('400d').describe('Content of all other tasks.'),
      classes: z
        .record(Name, Duration)
        .default({})
        .describe('Further classes, which task templates name in `record_class`.'),
    })
    .prefault({})
    .describe(
      'How long sealed content can be read, from the end of its month. Then its keys are destroyed; entries and proofs stay.',
    ),
  mirror: MirrorSchema.optional().describe('Where the log is copied to all the time. Read at start.'),
})

/** How long content of a class is kept; undefined for a class that is not configured (any more): it is kept. */
export function keptMs(
  { classes, ...fixed }: z.output<typeof AuditSchema>['retention'],
  recordClass: string,
): number | undefined {
  const all: Readonly<Record<string, string>> = { ...classes, ...fixed }
  const kept = Object.hasOwn(all, recordClass) ? all[recordClass] : undefined
  return kept === undefined ? undefined : durationMs(kept)
}
