import { Hono } from 'hono'
import { z } from 'zod'
import type { Tasks } from '../grants/tasks.ts'
import type { Agents } from '../identity/agents.ts'
import { reason } from '../model/reasons.ts'
import { Refusal } from '../model/refusal.ts'
import { taskView } from './agent-api.ts'
import { readInput } from './input.ts'

export interface TasksApiDeps {
  readonly operator: string
  readonly tasks: Tasks
  readonly agents: Agents
}

/** Tasks as operators see them: all of them, and an end to any. Opening one is the agent's own act, with its key. */
export function taskRoutes({ operator, tasks, agents }: TasksApiDeps): Hono {
  const app = new Hono()
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
    return c.json({ task: taskView(task) })
  })
  app.post('/tasks/:id/close', async (c) => {
    const { end } = await readInput(
      c,
      z.strictObject({ end: z.enum(['completed', 'revoked']).default('revoked') }),
    )
    const id = c.req.param('id').slice(0, 40)
    if (!(await tasks.get(id))) throw new Refusal(reason('TASK_UNKNOWN', { task: id }))
    return c.json({ task: taskView(await tasks.close(id, end, { kind: 'operator', operator })) })
  })
  return app
}
