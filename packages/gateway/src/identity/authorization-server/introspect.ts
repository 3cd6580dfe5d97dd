import { Hono } from 'hono'
import type { Actor } from '../../model/principal.ts'
import type { TokenSession } from '../tokens.ts'
import { hashToken, isToken } from '../tokens.ts'
import { clientOf } from './client-credentials.ts'
import type { AuthorizationServer } from './context.ts'
import { authorizationDetails } from './details.ts'
import { readForm } from './form.ts'

const INACTIVE = { active: false } as const

/**
 * POST /oauth/introspect (RFC 7662): an instance looks at a token of its own, or of a sub-agent below it. Any other token is answered
 * like one that never was.
 */
export function introspectEndpoint(as: AuthorizationServer): Hono {
  const app = new Hono()
  app.post('/oauth/introspect', async (c) => {
    const form = await readForm(c)
    const caller = await clientOf(as, form)
    const token = form.get('token') ?? ''
    const session = isToken(token) ? await as.tokens.resolve(hashToken(token)) : undefined
    c.header('cache-control', 'no-store')
    const isItsBusiness = session?.principal.chain.some(({ instance }) => instance === caller.id)
    return c.json(session && isItsBusiness ? await describe(as, session) : INACTIVE)
  })
  return app
}

async function describe(as: AuthorizationServer, session: TokenSession): Promise<object> {
  const { principal, status, task, expiresAt } = session
  const isGood =
    status.token === 'live' &&
    status.agent === 'active' &&
    status.instance === 'active' &&
    expiresAt > as.clock.now()
  if (!isGood) return INACTIVE
  const work = task === undefined ? undefined : as.tasks.live(task)
  if (task !== undefined && !work) return INACTIVE
  return {
    active: true,
    iss: as.issuer,
    aud: as.issuer,
    sub: work?.task.onBehalfOf ?? principal.sponsor,
    client_id: principal.instance,
    token_type: principal.binding === 'dpop' ? 'DPoP' : 'Bearer',
    exp: Math.floor(expiresAt / 1000),
    ...confirmation(principal),
    act: actOf(principal.chain),
    ...(work === undefined
      ? {}
      : {
          task: work.task.id,
          txn: work.task.txn,
          authorization_details: authorizationDetails(as.issuer, work.task, work.grant),
        }),
  }
}

/** RFC 7800 `cnf`: RFC 9449 section 6.1, RFC 8705 section 3.1; absent when the token is bound to nothing. */
function confirmation({ binding, jkt }: TokenSession['principal']): object {
  if (binding === 'dpop') return { cnf: { jkt } }
  return binding === 'mtls' ? { cnf: { 'x5t#S256': jkt.slice('x5t:'.length) } } : {}
}

/** RFC 8693 section 4.1: who acts now outermost, whom it acts for within. */
export function actOf([newest, ...above]: readonly Actor[]): object | undefined {
  if (!newest) return undefined
  const within = actOf(above)
  return {
    sub: newest.agent,
    sub_profile: 'ai_agent',
    instance: newest.instance,
    ...(within === undefined ? {} : { act: within }),
  }
}
