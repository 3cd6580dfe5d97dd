import { Hono } from 'hono'
import type { Clock } from '../../lib/clock.ts'
import type { RequestKey } from '../../lib/http-signature.ts'
import { idsOf } from '../../model/lineage.ts'
import { refuse } from '../../model/refusal.ts'
import type { TaskAndGrant } from '../authorization-server/context.ts'
import { authorizationDetails } from '../authorization-server/details.ts'
import type { Extension } from '../authorization-server/index.ts'
import type { Tokens } from '../tokens.ts'
import type { SigningKeys } from './signing-keys.ts'
import type { StatusList } from './status-list.ts'
import { mintOutward, mintOwn } from './token.ts'

export { SigningKeys } from './signing-keys.ts'
export { StatusList } from './status-list.ts'

export interface OutwardDeps {
  readonly issuer: string
  readonly clock: Clock
  readonly keys: SigningKeys
  readonly statuses: StatusList
  readonly tokens: Tokens
  live(task: string): TaskAndGrant | undefined
}

const statusUri = (issuer: string): string => `${issuer}/oauth/status/1`

/**
 * A JWT for one upstream about one live task; without a task, of the gateway on its own account.
 * @throws Refusal TASK_CLOSED
 */
export async function outwardToken(
  deps: OutwardDeps,
  taskId: string | undefined,
  audience: string,
  boundTo?: RequestKey,
): Promise<string> {
  const now = deps.clock.now()
  const bound = boundTo ? { jkt: boundTo.kid } : {}
  if (taskId === undefined)
    return await mintOwn(deps.keys.current, { issuer: deps.issuer, audience, now, ...bound })
  const work = deps.live(taskId)
  if (!work) return refuse('TASK_CLOSED', { end: 'no longer live' })
  const { task, grant } = work
  const { issuer } = deps
  const lineage = idsOf(task.lineage)
  const chain =
    lineage.length > 1 ? await deps.tokens.chainOf(lineage) : [{ agent: task.agent, instance: task.instance }]
  return await mintOutward(deps.keys.current, {
    issuer,
    audience,
    task,
    grant: grant.id,
    chain,
    authorizationDetails: authorizationDetails(issuer, task, grant),
    status: { idx: await deps.statuses.allocate(task.id), uri: statusUri(issuer) },
    ...bound,
    now,
  })
}

/** What upstreams verify by: the key set and the status list. */
export function outward({ issuer, keys, statuses }: OutwardDeps): Extension {
  const app = new Hono()
  app.get('/oauth/jwks', async (c) => {
    c.header('cache-control', 'public, max-age=300')
    return c.json(await keys.published())
  })
  app.get('/oauth/status/1', async (c) =>
    c.body(await statuses.token(keys.current, statusUri(issuer), issuer), 200, {
      'content-type': 'application/statuslist+jwt',
      'cache-control': 'public, max-age=15',
    }),
  )
  return {
    grants: {},
    routes: [app],
    authMethods: () => [],
    metadata: () => ({ jwks_uri: `${issuer}/oauth/jwks` }),
  }
}
