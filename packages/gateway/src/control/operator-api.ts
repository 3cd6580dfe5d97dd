import type { Context } from 'hono'
import { Hono } from 'hono'
import type { OperatorSession } from '../identity/operators/operators.ts'
import type { AgentsApiDeps } from './agents.ts'
import { agentRoutes } from './agents.ts'
import type { AuditApiDeps } from './audit.ts'
import { auditRoutes } from './audit.ts'
import type { FlowApiDeps } from './flow.ts'
import { flowRoutes } from './flow.ts'
import { errorAnswer } from './http-errors.ts'
import type { LocksApiDeps } from './locks.ts'
import { lockRoutes } from './locks.ts'
import { logFileRoutes } from './log-files.ts'
import type { OperatorsApiDeps } from './operators.ts'
import { operatorRoutes } from './operators.ts'
import type { PolicyApiDeps } from './policy.ts'
import { policyRoutes } from './policy.ts'
import type { PolicyDiffApiDeps } from './policy-diff.ts'
import { policyDiffRoutes } from './policy-diff.ts'
import type { QuestionsApiDeps } from './questions.ts'
import { questionRoutes } from './questions.ts'
import type { SecretsApiDeps } from './secrets.ts'
import { secretRoutes } from './secrets.ts'
import type { ControlEnv } from './session.ts'
import { authorised } from './session.ts'
import type { StatusApiDeps } from './status.ts'
import { statusRoutes } from './status.ts'
import type { SubjectsApiDeps } from './subjects.ts'
import { subjectRoutes } from './subjects.ts'
import type { TasksApiDeps } from './tasks.ts'
import { taskRoutes } from './tasks.ts'
import type { ToolsApiDeps } from './tools.ts'
import { toolRoutes } from './tools.ts'

export type OperatorApiDeps = AgentsApiDeps &
  AuditApiDeps &
  FlowApiDeps &
  LocksApiDeps &
  OperatorsApiDeps &
  PolicyApiDeps &
  PolicyDiffApiDeps &
  QuestionsApiDeps &
  SecretsApiDeps &
  StatusApiDeps &
  SubjectsApiDeps &
  TasksApiDeps &
  ToolsApiDeps & { onBug(error: unknown): void }

/**
 * What operators do. Served twice: on a socket inside the private data folder, where whoever may open it is the operator and their name is
 * the account the gateway runs as, and below `/control` for people who have signed in, by their roles.
 * @param who the person behind a request; undefined when nobody is signed in
 */
export function operatorApi(
  deps: OperatorApiDeps,
  who: (c: Context) => Promise<OperatorSession | undefined>,
): Hono<ControlEnv> {
  const app = new Hono<ControlEnv>()
  app.onError(errorAnswer(deps.onBug))
  app.use(authorised(who))
  for (const routes of [
    agentRoutes,
    auditRoutes,
    flowRoutes,
    lockRoutes,
    operatorRoutes,
    policyRoutes,
    policyDiffRoutes,
    questionRoutes,
    secretRoutes,
    statusRoutes,
    subjectRoutes,
    taskRoutes,
    toolRoutes,
  ]) {
    app.route('/', routes(deps))
  }
  app.route('/', logFileRoutes({ log: deps.log, publish: () => 'all' }))
  return app
}
