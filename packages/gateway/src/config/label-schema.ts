import { z } from 'zod'

/** Path inside arguments or a result: members by name, `[*]` for every item of a list, `*` for every member. */
const Path = z
  .string()
  .max(200)
  .regex(
    /^(?:\[\*\]|\*|[^.[\]*\s][^.[\]*]*)(?:\[\*\]|\.(?:\*|[^.[\]*\s][^.[\]*]*))*$/,
    'write a path such as recipients[*], [*].sender or patient.name',
  )

const Kind = z.string().regex(/^[a-z][a-z0-9-]{0,39}$/, 'write a kind of object such as event or patient')

/** What a value in an argument can do once it is there. */
export const SINKS = [
  'principal',
  'handle',
  'url',
  'amount',
  'path',
  'topic',
  'content',
  'value',
  'none',
] as const

const Argument = z
  .strictObject({
    sink: z
      .enum(SINKS)
      .describe(
        'principal: who gets or may do something. handle: names an object. url, path, amount: as they say. topic: a few words that say what it is about. content: text that somebody will read. value: any other consequential value. none: of no consequence.',
      ),
    of: Kind.optional().describe('For handles: the kind of object, as results label it.'),
  })
  .refine((label) => (label.sink === 'handle') === (label.of !== undefined), {
    message: 'give `of` with a handle, and only there',
  })

/** A path inside a record, or `$name` for an argument of the call that showed it. */
const RecordPath = z.union([
  Path,
  z.string().regex(/^\$[^.[\]*\s$]{1,100}$/, 'write $ and the name of an argument'),
])

const Records = z.strictObject({
  at: z
    .union([Path, z.literal('')])
    .default('')
    .describe('Where the records are; left out, the result is one.'),
  type: Kind.describe('Kind of object that the handle names.'),
  id: RecordPath.describe(
    'The handle, inside a record; `$name` where it is an argument of the call, as with the members of a group.',
  ),
  names: z
    .array(RecordPath)
    .default([])
    .describe('What people call it, inside a record: its title, file name or subject.'),
  principals: z
    .array(RecordPath)
    .default([])
    .describe('Fields that list people or addresses the record is shared with.'),
  made: z.boolean().default(false).describe('The call made them, rather than found them.'),
  own: z
    .boolean()
    .default(false)
    .describe('Nobody but the person can have made these: sent mail, payments made.'),
})

const Result = z.strictObject({
  integrity: z
    .enum(['trusted', 'untrusted'])
    .default('untrusted')
    .describe('trusted: nobody but the organisation can have written what is in it.'),
  confidentiality: z.enum(['public', 'internal', 'secret', 'phi']).default('internal'),
  readers: z
    .array(z.string().min(1).max(200))
    .default([])
    .describe('Who may be sent it besides the person: addresses, or @domain.'),
  trusted: z.array(Path).default([]).describe('Fields that are trusted in an untrusted result.'),
  confidential: z.array(Path).default([]).describe('Fields that are secret in a result that is less.'),
  records: z.array(Records).default([]),
})

/**
 * named-record: a handle of a record that the request names. listed-in-record: somebody whom such a record lists. own-object: what the task
 * itself made. counterparty: somebody the person dealt with before. seen-url: a link that content held word for word, to be fetched.
 */
export const RESOLVERS = [
  'named-record',
  'listed-in-record',
  'own-object',
  'counterparty',
  'seen-url',
] as const

const ToolLabel = z.strictObject({
  effect: z
    .enum(['read', 'write', 'egress', 'destructive'])
    .describe('read: changes nothing and tells nobody. egress: others can see what is sent.'),
  arguments: z.record(Path, Argument).default({}).describe('An argument without a label is consequential.'),
  result: Result.prefault({}),
  place: z
    .string()
    .min(1)
    .max(60)
    .optional()
    .describe('Where it reads or writes, shared by tools over the same data. The server unless given.'),
  resolvers: z
    .array(z.enum(RESOLVERS))
    .default([])
    .describe('Ways, besides the request itself, by which a value counts as asked for.'),
  intent: z
    .array(z.string().min(2).max(60))
    .default([])
    .describe('Words of which the request must hold one for the tool to be used without asking.'),
})

/** `server/tool`, or `server#method` for what is no tool, to what its arguments can do and where its results come from. */
export const LabelsSchema = z.record(
  z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}[/#].{1,200}$/, 'write server/tool'),
  ToolLabel,
)

export type Labels = z.output<typeof LabelsSchema>
export type ToolLabelConfig = z.output<typeof ToolLabel>
export type Sink = (typeof SINKS)[number]
export type ResolverName = (typeof RESOLVERS)[number]
export type RecordsLabel = z.output<typeof Records>
