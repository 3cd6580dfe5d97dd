import { z } from 'zod'
import { parseStrictText } from '../../lib/strict-json.ts'
import type { Grant, GrantDetail } from '../../model/grant.ts'
import { refuse } from '../../model/refusal.ts'
import type { Task } from '../../model/task.ts'
import type { TaskWish } from './context.ts'

/** RFC 9396 type of a task: names one that is open, or asks for one from a template. */
export const TASK_DETAIL = 'urn:ostiary:task:v1'
/** RFC 9396 type of one thing a grant allows. */
export const GRANT_DETAIL = 'urn:ostiary:mcp:v1'

const text = z.string().min(1).max(200)

const TaskDetail = z.union([
  z.strictObject({ type: z.literal(TASK_DETAIL), task: z.string().min(1).max(60) }),
  z.strictObject({
    type: z.literal(TASK_DETAIL),
    template: z.string().min(1).max(40),
    purpose: text.optional(),
    subject: text.optional(),
    on_behalf_of: text.optional(),
  }),
])

/**
 * What a token is asked for: a task that is open, or a new one.
 * @throws Refusal REQUEST_MALFORMED
 */
export function readTaskDetail(
  details: string | undefined,
): { task: string } | { wish: TaskWish } | undefined {
  if (details === undefined) return undefined
  const value = parseStrictText(details)
  const parsed = TaskDetail.safeParse(Array.isArray(value) && value.length === 1 ? value[0] : undefined)
  if (!parsed.success) {
    return refuse('REQUEST_MALFORMED', {
      detail: `authorization_details must be one object of type ${TASK_DETAIL} with \`task\` or \`template\``,
    })
  }
  if ('task' in parsed.data) return { task: parsed.data.task }
  const { type: _, ...wish } = parsed.data
  return { wish }
}

/** A grant as `authorization_details` (RFC 9396): the task with its terms, then one object for each thing it allows. */
export function authorizationDetails(issuer: string, task: Task, grant: Grant): object[] {
  return [
    {
      type: TASK_DETAIL,
      task: task.id,
      template: task.template,
      purpose: task.purpose,
      on_behalf_of: task.onBehalfOf,
      vouched: task.vouched,
      ...(task.subject === undefined ? {} : { subject: task.subject }),
      budget: grant.budget,
      ...(grant.localTools?.length ? { local_tools: grant.localTools } : {}),
      ...(grant.delegable > 0 ? { delegable: { max_depth: grant.delegable, to: grant.delegates } } : {}),
      expires_at: Math.floor(grant.expiresAt / 1000),
    },
    ...grant.details.map((detail) => ({
      type: GRANT_DETAIL,
      locations: [`${issuer}/${detail.kind === 'model' ? 'llm' : 'mcp'}/${detail.server}`],
      ...detail,
    })),
  ]
}

const scalar = z.union([z.string(), z.number(), z.boolean()])

const ConstraintShape = z.strictObject({
  eq: scalar.optional(),
  one_of: z.array(scalar).min(1).max(1000).optional(),
  min: z.number().optional(),
  max: z.number().optional(),
  prefix: z.string().min(1).optional(),
  cidr: z.string().min(1).optional(),
  max_len: z.number().int().nonnegative().optional(),
  forbidden: z.literal(true).optional(),
})

/** The parts of a grant that a delegation asks for; `locations` may be there and only repeats the server. */
export const GrantDetails = z
  .array(
    z.strictObject({
      type: z.literal(GRANT_DETAIL),
      locations: z.array(z.string()).max(1).optional(),
      kind: z.enum(['tool', 'prompt', 'resource', 'model']),
      server: z.string().min(1).max(40),
      name: z.string().min(1).max(500),
      constraints: z.record(z.string().max(200), ConstraintShape).default({}),
    }),
  )
  .min(1)
  .max(200)
  .transform((details) => details.map(({ type: _, locations: __, ...detail }) => detail as GrantDetail))
