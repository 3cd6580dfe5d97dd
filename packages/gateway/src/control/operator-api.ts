import { Hono } from 'hono'
import type { AgentsApiDeps } from './agents.ts'
import { agentRoutes } from './agents.ts'
import type { AuditApiDeps } from './audit.ts'
import { auditRoutes } from './audit.ts'
import { errorAnswer } from './http-errors.ts'
import type { LocksApiDeps } from './locks.ts'
import { lockRoutes } from './locks.ts'
import type { PolicyApiDeps } from './policy.ts'
import { policyRoutes } from './policy.ts'
import type { SecretsApiDeps } from './secrets.ts'
import { secretRoutes } from './secrets.ts'
import type { StatusApiDeps } from './status.ts'
import { statusRoutes } from './status.ts'
import type { TasksApiDeps } from './tasks.ts'
import { taskRoutes } from './tasks.ts'
import type { ToolsApiDeps } from './tools.ts'
import { toolRoutes } from './tools.ts'

export type OperatorApiDeps = AgentsApiDeps &
  AuditApiDeps &
  LocksApiDeps &
  PolicyApiDeps &
  SecretsApiDeps &
  StatusApiDeps &
  TasksApiDeps &
  ToolsApiDeps & { onBug(error: unknown): void }

/**
 * What operators do, for the command line. Served only on a socket inside the private data folder: whoever may open it is the
 * operator, and its name is the account the gateway runs as. Nothing here is reachable over the network.
 */
export function operatorApi(deps: OperatorApiDeps): Hono {
  const app = new Hono()
  app.onError(errorAnswer(deps.onBug))
  for (const routes of [
    agentRoutes,
    auditRoutes,
    lockRoutes,
    policyRoutes,
    secretRoutes,
    statusRoutes,
    taskRoutes,
    toolRoutes,
  ]) {
    app.route('/', routes(deps))
  }
  return app
}
