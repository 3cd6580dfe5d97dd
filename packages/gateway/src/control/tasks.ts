import { Hono } from 'hono'
import { z } from 'zod'
import type { Leases } from '../credentials/leases.ts'
import type { Budgets } from '../grants/budgets.ts'
import type { Tasks } from '../grants/tasks.ts'
import type { Agents } from '../identity/agents.ts'
import { reason } from '../model/reasons.ts'
import { Refusal } from '../model/refusal.ts'
import { grantView, taskView } from './agent-api.ts'
import { readInput } from './input.ts'
import type { ControlEnv } from './session.ts'
import { by } from './session.ts'

export interface TasksApiDeps {
  readonly issuer: string
  readonly tasks: Tasks
  readonly budgets: Budgets
  readonly leases: Leases
  readonly agents: Agents
}

/** Tasks as operators see them: all of them, and an end to any. Opening one is the agent's own act, with its key. */
export function taskRoutes({ issuer, tasks, agents, budgets, leases }: TasksApiDeps): Hono<ControlEnv> {
  const app = new Hono<ControlEnv>()
  app.get('/tasks', async (c) => {
    const names = new Map((await agents.list()).map((agent) => [agent.id, agent.name]))
    const list = await tasks.list({ open: c.req.query('all') === undefined })
    return c.json({
      tasks: list.map((task) => ({ ...taskView(task), agent_name: names.get(task.agent) ?? task.agent })),
    })
  })
  app.get('/tasks/:id', async (c) => {
    const id = c.req.param('id').slice(0, 40)
    const task = await tasks.get(id)
    if (!task) throw new Refusal(reason('TASK_UNKNOWN', { task: id }))
    const work = await tasks.describe(id)
    return c.json({
      task: taskView(task),
      ...(work === undefined ? {} : { grant: grantView(issuer, work.task, work.grant) }),
      spent: budgets.spent(work?.grant.id ?? ''),
      leases: await leases.list({ task: id, alive: false }),
    })
  })
  app.get('/leases', async (c) => c.json({ leases: await leases.list({ alive: true }) }))
  for (const verb of ['pause', 'resume'] as const) {
    app.post(`/tasks/:id/${verb}`, async (c) =>
      c.json({
        task: taskView(await tasks[verb](c.req.param('id').slice(0, 40), by(c))),
      }),
    )
  }
  app.post('/tasks/:id/close', async (c) => {
    const { end } = await readInput(
      c,
      z.strictObject({ end: z.enum(['completed', 'revoked']).default('revoked') }),
    )
    const id = c.req.param('id').slice(0, 40)
    if (!(await tasks.get(id))) throw new Refusal(reason('TASK_UNKNOWN', { task: id }))
    return c.json({ task: taskView(await tasks.close(id, end, by(c))) })
  })
  return app
}
