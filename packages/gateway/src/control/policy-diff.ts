import { Hono } from 'hono'
import { z } from 'zod'
import type { Contents } from '../audit/content/contents.ts'
import type { AuditLog } from '../audit/log.ts'
import type { Projection } from '../audit/projection/projection.ts'
import { decisions } from '../audit/questions/decisions.ts'
import type { PastCall, PolicyDiff } from '../gateway/policy-diff.ts'
import { isJudged } from '../gateway/policy-diff.ts'
import type { Tasks } from '../grants/tasks.ts'
import type { Agents } from '../identity/agents.ts'
import { Refusal } from '../model/refusal.ts'
import { readInput } from './input.ts'
import { PAGING, pagingOf, readerOf, SPAN } from './questions.ts'
import type { ControlEnv } from './session.ts'
import { by } from './session.ts'

export interface PolicyDiffApiDeps {
  readonly log: AuditLog
  readonly projection: Projection
  readonly agents: Agents
  readonly tasks: Tasks
  readonly contents: Contents
  diffPolicies(
    files: readonly { readonly path: string; readonly text: string }[],
    calls: readonly PastCall[],
  ): Promise<PolicyDiff>
}

/** Characters of all drafts together: to read them holds up everything else, about a second for as many. */
const MAX_DRAFT = 131_072

const Draft = z.strictObject({
  ...SPAN,
  ...PAGING,
  files: z
    .array(z.strictObject({ path: z.string().min(1).max(200), text: z.string() }))
    .min(1)
    .max(50)
    .refine(
      (files) => files.reduce((sum, { text }) => sum + text.length, 0) <= MAX_DRAFT,
      `drafts have ${MAX_DRAFT} characters at most, together`,
    ),
})

/** Replays past decisions against draft policies. */
export function policyDiffRoutes(deps: PolicyDiffApiDeps): Hono<ControlEnv> {
  const { log, projection, agents, tasks } = deps
  const app = new Hono<ControlEnv>()
  app.post('/audit/diff-policy', async (c) => {
    const { files, ...asked } = await readInput(c, Draft)
    const page = await projection.ask((db) => decisions(db, asked, pagingOf(asked)))
    const known = new Map((await agents.list()).map((agent) => [agent.id, agent]))
    const read = readerOf(log)
    const calls: PastCall[] = []
    for (const found of page.rows) {
      const entry = await read(found.log, found.index)
      // What another gateway decided is for that one to replay: the entry is in its log.
      if (!entry || !isJudged(entry.data)) continue
      calls.push({
        found,
        data: entry.data,
        agent: known.get(found.agent ?? ''),
        task: found.task === undefined ? undefined : await tasks.get(found.task),
        // Not sealed, erased, unreadable: the answer is the same, it cannot be decided.
        content: () => deps.contents.open(found.index).catch(ifRefused),
      })
    }
    // A draft can be written so that its answers tell what the arguments were, so asking is recorded before anything is opened.
    await log.append({
      type: 'audit.queried',
      actor: by(c),
      data: { question: 'diff-policy', calls: calls.length },
    })
    const { rows: _, ...covered } = page
    return c.json({ ...(await deps.diffPolicies(files, calls)), ...covered })
  })
  return app
}

function ifRefused(error: unknown): undefined {
  if (!(error instanceof Refusal)) throw error
}
