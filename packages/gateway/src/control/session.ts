import type { Context, MiddlewareHandler } from 'hono'
import type { OperatorSession } from '../identity/operators/operators.ts'
import { permitted, rolesWith } from '../identity/operators/roles.ts'
import type { LogActor } from '../model/evidence.ts'
import { refuse } from '../model/refusal.ts'
import { permissionsFor } from './permissions.ts'

/** What every route of the operators' interface finds in its context. */
export interface ControlEnv {
  Variables: { session: OperatorSession }
}

/** Who asked, for the log. */
export const by = (c: Context<ControlEnv>): LogActor & { kind: 'operator' } => {
  const { name, method } = c.get('session')
  return { kind: 'operator', operator: name, ...(method === 'socket' ? {} : { via: method }) }
}

/**
 * Finds out who asks and whether their roles allow it, before any route runs. A route without a permission is refused for everybody.
 * @throws Refusal SIGN_IN_REQUIRED, ROLE_MISSING
 */
export function authorised(
  who: (c: Context) => Promise<OperatorSession | undefined>,
): MiddlewareHandler<ControlEnv> {
  return async (c, next) => {
    const session = (await who(c)) ?? refuse('SIGN_IN_REQUIRED')
    const anyOf = permissionsFor(c.req.method, c.req.path)
    if (anyOf.length === 0) return refuse('PATH_UNKNOWN')
    if (session.method !== 'socket' && !anyOf.some((needed) => permitted(session.roles, needed))) {
      const roles = [...new Set(anyOf.flatMap(rolesWith))].join(' or ')
      refuse('ROLE_MISSING', { operator: session.name, roles })
    }
    c.set('session', session)
    await next()
  }
}
