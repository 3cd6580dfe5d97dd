import { z } from 'zod'
import { Name } from './fields.ts'
import { Keys } from './trust-schema.ts'

const Signer = z.strictObject({
  keys: Keys,
  agents: z
    .array(z.union([Name, z.literal('*')]))
    .min(1)
    .describe('Agents whose requests it may sign.'),
})

/** How information-flow control works; what it knows of tools stands under `labels`. */
export const FlowSchema = z.strictObject({
  mode: z
    .enum(['enforce', 'observe'])
    .default('enforce')
    .describe(
      'enforce: a call whose consequential arguments nobody vouches for is held for a person. observe: it is made, and the record says that it would have been held.',
    ),
  requests: z
    .enum(['claimed', 'signed'])
    .default('claimed')
    .describe(
      'Which requests of people count: those that the holder of the instance’s key passes on, or only those that a signer below has signed. Without one, the strict form of the rules applies.',
    ),
  signers: z
    .record(Name, Signer)
    .default({})
    .describe('Systems in which people make requests and that sign them, e.g. the hospital’s own front end.'),
  trusted: z
    .array(z.string().min(3).max(500))
    .max(1000)
    .default([])
    .describe('Values that may be used anywhere, such as the organisation’s own addresses.'),
})

export type FlowConfig = z.output<typeof FlowSchema>
