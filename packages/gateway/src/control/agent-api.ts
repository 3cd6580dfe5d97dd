import { Hono } from 'hono'
import { z } from 'zod'
import type { PersonsRequest } from '../flow/tasks.ts'
import type { MaybePromise } from '../gateway/exchange.ts'
import { actorOf } from '../gateway/stages/record.ts'
import { contentDigest } from '../gateway/transports/mcp/receive.ts'
import type { Budgets } from '../grants/budgets.ts'
import type { OpenInput } from '../grants/task-input.ts'
import type { Tasks } from '../grants/tasks.ts'
import type { TokenSession } from '../identity/authenticate.ts'
import { authenticate, challenge } from '../identity/authenticate.ts'
import { authorizationDetails } from '../identity/authorization-server/details.ts'
import { certificateOf } from '../lib/client-certificate.ts'
import type { Clock } from '../lib/clock.ts'
import { parseStrict } from '../lib/strict-json.ts'
import type { Recorder } from '../model/evidence.ts'
import type { Grant } from '../model/grant.ts'
import type { Principal } from '../model/principal.ts'
import { reason, status } from '../model/reasons.ts'
import { Refusal, refuse } from '../model/refusal.ts'
import type { Task } from '../model/task.ts'
import type { LockView } from '../oversight/locks.ts'
import { lockReason } from '../oversight/locks.ts'
import { errorAnswer, problem } from './http-errors.ts'

const OpenTask = z.strictObject({
  template: z.string().min(1).max(40),
  purpose: z.string().min(1).max(200).optional(),
  subject: z.string().min(1).max(200).optional(),
  on_behalf_of: z.string().min(1).max(200).optional(),
  request: z.string().min(1).max(16_384).optional(),
  signed_request: z.string().min(1).max(65_536).optional(),
})

const StepUp = z.strictObject({ template: z.string().min(1).max(40) })

export interface AgentApiDeps {
  readonly issuer: string
  readonly clock: Clock
  readonly windowMs: number
  readonly tasks: Tasks
  readonly budgets: Budgets
  readonly locks: LockView
  readonly recorder: Recorder
  resolveToken(hash: string): MaybePromise<TokenSession | undefined>
  useOnce(key: string): boolean
  /** @throws Refusal REQUEST_UNVERIFIED */
  signedRequest(
    jws: string,
    wanted: Pick<Principal, 'agentName' | 'instance'> & Pick<OpenInput, 'template' | 'subject'>,
  ): Promise<PersonsRequest>
  onBug(error: unknown): void
}

/** `/v1/tasks`: an agent instance opens, reads and ends its own tasks. */
export function agentApi(deps: AgentApiDeps): Hono {
  const app = new Hono()
  app.onError((error, c) => {
    if (error instanceof Refusal && status(error.reason) === 401) {
      c.header(
        'www-authenticate',
        challenge(error.reason, {
          resourceMetadataUrl: `${deps.issuer}/.well-known/oauth-protected-resource`,
        }),
      )
      return c.json(problem(error.reason), 401)
    }
    return errorAnswer(deps.onBug)(error, c)
  })

  const caller = async (request: Request, body: Uint8Array): Promise<TokenSession> => {
    const { session, replayKey } = await authenticate(
      {
        authorization: request.headers.get('authorization') ?? undefined,
        dpop: request.headers.get('dpop') ?? undefined,
        method: request.method,
        url: `${deps.issuer}${new URL(request.url).pathname}`,
        certificate: certificateOf(Object.fromEntries(request.headers))?.thumbprint,
        contentDigest: body.length > 0 ? contentDigest(body) : undefined,
        now: deps.clock.now(),
        windowMs: deps.windowMs,
      },
      (hash) => deps.resolveToken(hash),
    )
    if (replayKey !== undefined && !deps.useOnce(replayKey)) refuse('PROOF_REPLAYED')
    const { agent, instance, chain } = session.principal
    const { task, lineage } = session
    const lock = deps.locks.stops({ agent, instance, task, lineage, chain, server: '', tool: undefined })
    if (lock) {
      const actor = actorOf(session.principal)
      await deps.recorder.append({ type: 'task.refused', actor, data: { code: 'LOCKED', lock: lock.id } })
      throw new Refusal(lockReason(lock))
    }
    return session
  }

  const own = async (id: string, session: TokenSession): Promise<Task> => {
    assertAbout(session, id)
    const task = await deps.tasks.get(id.slice(0, 40))
    // Another instance's task is as unknown as one that never was.
    if (!task || task.instance !== session.principal.instance)
      throw new Refusal(reason('TASK_UNKNOWN', { task: id.slice(0, 40) }))
    return task
  }

  app.post('/v1/tasks', async (c) => {
    const body = new Uint8Array(await c.req.arrayBuffer())
    const session = await caller(c.req.raw, body)
    const input = OpenTask.safeParse(parseStrict(body).value)
    if (!input.success) refuse('TASK_INPUT_INVALID', { detail: z.prettifyError(input.error).slice(0, 300) })
    assertAbout(session, undefined)
    const { request, signed_request, ...wanted } = input.data
    if (request !== undefined && signed_request !== undefined)
      refuse('TASK_INPUT_INVALID', { detail: 'give `request` or `signed_request`' })
    const said =
      signed_request === undefined
        ? request && { text: request, signedBy: undefined, subject: undefined, proof: undefined }
        : await deps.signedRequest(signed_request, { ...session.principal, ...wanted })
    const { task, grant } = await deps.tasks.open(session.principal, {
      ...wanted,
      ...(said ? { request: said } : {}),
    })
    return c.json(opened(deps.issuer, task, grant), 201)
  })

  app.get('/v1/tasks/:id', async (c) => {
    const session = await caller(c.req.raw, new Uint8Array())
    const task = await own(c.req.param('id'), session)
    const work = await deps.tasks.describe(task.id)
    return c.json({
      task: taskView(task),
      ...(work === undefined ? {} : { grant: grantView(deps.issuer, work.task, work.grant) }),
      spent: deps.budgets.spent(work?.grant.id ?? ''),
    })
  })

  /** Step-up: the rights of another template, for the same task. */
  app.post('/v1/tasks/:id/step-up', async (c) => {
    const body = new Uint8Array(await c.req.arrayBuffer())
    const session = await caller(c.req.raw, body)
    const input = StepUp.safeParse(parseStrict(body).value)
    if (!input.success) refuse('TASK_INPUT_INVALID', { detail: 'it needs `template` and nothing else' })
    assertAbout(session, c.req.param('id'))
    const { task, grant } = await deps.tasks.widen(
      session.principal,
      c.req.param('id').slice(0, 40),
      input.data.template,
    )
    return c.json(opened(deps.issuer, task, grant))
  })

  app.post('/v1/tasks/:id/close', async (c) => {
    const body = new Uint8Array(await c.req.arrayBuffer())
    const session = await caller(c.req.raw, body)
    const task = await own(c.req.param('id'), session)
    const closed = await deps.tasks.close(task.id, 'completed', actorOf(session.principal))
    return c.json({ task: taskView(closed), end: closed.end })
  })
  return app
}

/** A token that is bound to no key is good for its own task and nothing beside it. @throws Refusal BEARER_CONFINED */
function assertAbout({ principal, task }: TokenSession, id: string | undefined): void {
  if (principal.binding === 'bearer' && task !== id) refuse('BEARER_CONFINED')
}

export const taskView = (task: Task) => ({
  id: task.id,
  agent: task.agent,
  instance: task.instance,
  template: task.template,
  purpose: task.purpose,
  on_behalf_of: task.onBehalfOf,
  ...(task.subject === undefined ? {} : { subject: task.subject }),
  state: task.state,
  ...(task.end === undefined ? {} : { end: task.end }),
  opened_at: task.openedAt,
  expires_at: task.expiresAt,
  idle_ms: task.idleMs,
  vouched: task.vouched,
  ...(task.parent === undefined ? {} : { parent: task.parent }),
  txn: task.txn,
})

const opened = (issuer: string, task: Task, grant: Grant) => ({
  task: taskView(task),
  grant: grantView(issuer, task, grant),
  servers: namesOf(grant.details.filter(({ kind }) => kind !== 'model')),
  models: namesOf(grant.details.filter(({ kind }) => kind === 'model')),
})

export const grantView = (issuer: string, task: Task, grant: Grant) => ({
  id: grant.id,
  budget: grant.budget,
  expires_at: grant.expiresAt,
  authorization_details: authorizationDetails(issuer, task, grant),
})

const namesOf = (details: Grant['details']): string[] =>
  [...new Set(details.map((detail) => detail.server))].sort()
