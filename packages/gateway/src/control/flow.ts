import { Hono } from 'hono'
import { z } from 'zod'
import type { AuditLog } from '../audit/log.ts'
import type { Projection } from '../audit/projection/projection.ts'
import { indexesOfCall } from '../audit/questions/history.ts'
import type { Labels } from '../config/label-schema.ts'
import type { Hold, Holds } from '../flow/holds.ts'
import { labelProblems } from '../flow/label-problems.ts'
import { shownPath } from '../flow/paths.ts'
import { proposeLabels } from '../flow/propose.ts'
import type { FlowTasks } from '../flow/tasks.ts'
import type { Tasks } from '../grants/tasks.ts'
import type { Agents } from '../identity/agents.ts'
import { permitted } from '../identity/operators/roles.ts'
import { reason } from '../model/reasons.ts'
import { Refusal, refuse } from '../model/refusal.ts'
import type { Registry } from '../registry/tools.ts'
import { readInput } from './input.ts'
import type { ControlEnv } from './session.ts'
import { by } from './session.ts'

export interface FlowApiDeps {
  readonly log: AuditLog
  readonly projection: Projection
  readonly flow: FlowTasks
  readonly holds: Holds
  readonly tasks: Tasks
  readonly agents: Agents
  readonly registry: Registry
  /** Those in use. */
  labels(): Labels
}

const Endorse = z.strictObject({
  paths: z.array(z.string().max(300)).min(1).optional(),
})

/** Calls that wait for a person, what is known of where their values come from, and a person's word for a value. */
export function flowRoutes({
  log,
  projection,
  flow,
  holds,
  tasks,
  agents,
  registry,
  labels,
}: FlowApiDeps): Hono<ControlEnv> {
  const app = new Hono<ControlEnv>()
  const view = async (hold: Hold) => {
    const task = await tasks.get(hold.task.id)
    const agent = task && (await agents.list()).find(({ id }) => id === task.agent)
    return {
      call: hold.call,
      task: hold.task.id,
      ...(task === undefined ? {} : { purpose: task.purpose, on_behalf_of: task.onBehalfOf }),
      ...(agent === undefined ? {} : { agent: agent.name }),
      tool: hold.tool,
      at: hold.at,
      times: hold.times,
      problems: hold.problems.map(({ code, path, detail, value }) => ({ code, path, detail, value })),
    }
  }
  const find = (call: string): Hold =>
    holds.find(call) ?? refuse('HOLD_UNKNOWN', { call: call.slice(0, 40).replace(/[^\w]/g, '') })

  /** Only read from definitions; nothing takes them into use but a person who writes them into the configuration. */
  app.get('/flow/proposals/:server', (c) => {
    const server = c.req.param('server')
    const definitions = [...registry.view(server).values()].flatMap(({ kind, name, seen }) =>
      kind === 'tool'
        ? [
            {
              name,
              description: typeof seen.description === 'string' ? seen.description : '',
              inputSchema: seen.inputSchema,
            },
          ]
        : [],
    )
    if (definitions.length === 0) refuse('TOOL_UNKNOWN', { tool: `${server.slice(0, 60)}/*` })
    return c.json({
      problems: labelProblems(server, labels(), definitions),
      proposals: proposeLabels(server, definitions).map((proposal) => ({
        ...proposal,
        is_labelled: Object.hasOwn(labels(), proposal.tool),
      })),
    })
  })

  app.get('/flow/holds', async (c) => c.json({ holds: await Promise.all(holds.list().map(view)) }))

  app.get('/flow/calls/:call', async (c) => {
    const call = c.req.param('call').slice(0, 40)
    // Whoever may read the log sees what it says; values of the call are for those who decide.
    const { roles, method } = c.get('session')
    const held = method === 'socket' || permitted(roles, 'approve') ? holds.find(call) : undefined
    const indexes = await projection.ask((db) => indexesOfCall(db, log.origin, call))
    const entries = await Promise.all(indexes.map((index) => log.read(index)))
    if (entries.length === 0 && !held)
      throw new Refusal(reason('CALL_UNKNOWN', { call: call.replace(/[^\w]/g, '') }))
    const task = entries.find(({ entry }) => entry.task !== undefined)?.entry.task
    const known = task === undefined ? undefined : await tasks.get(task)
    return c.json({
      call,
      ...(known === undefined ? {} : { task: known.id, purpose: known.purpose, holds: flow.state(known) }),
      entries: entries.map(({ index, entry }) => ({
        index,
        ts: entry.ts,
        type: entry.type,
        data: entry.data,
      })),
      ...(held === undefined ? {} : { hold: await view(held) }),
    })
  })

  /** A person takes values on themselves, for the one task. What they were is not in the log, only where they stood. */
  app.post('/flow/holds/:call/endorse', async (c) => {
    const { paths } = await readInput(c, Endorse)
    const hold = find(c.req.param('call'))
    const unknown = paths?.find((path) => !hold.problems.some((problem) => problem.path === path))
    if (unknown !== undefined)
      refuse('REQUEST_MALFORMED', { detail: `nothing is held at ${shownPath(unknown)}` })
    const meant = hold.problems.filter(({ path }) => paths?.includes(path) ?? true)
    const actor = by(c)
    if (!flow.state(hold.task)) refuse('HOLD_UNKNOWN', { call: hold.call })
    await log.append({
      type: 'flow.endorsed',
      actor,
      task: hold.task.id,
      data: {
        call: hold.call,
        tool: hold.tool.slice(0, 200),
        problems: meant.map(({ code, path }) => ({ code, path: shownPath(path) })),
      },
    })
    flow.endorse(
      hold.task,
      meant.flatMap(({ keys }) => keys),
      actor.operator,
    )
    if (meant.length === hold.problems.length) holds.remove(hold)
    return c.json({ hold: await view({ ...hold, problems: meant }) })
  })
  return app
}
