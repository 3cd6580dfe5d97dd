import { Hono } from 'hono'
import { hashToken, isToken } from '../tokens.ts'
import { clientOf } from './client-credentials.ts'
import type { AuthorizationServer } from './context.ts'
import { readForm } from './form.ts'
import type { Extension } from './index.ts'

/**
 * POST /oauth/revoke (RFC 7009): an instance gives up one of its own tokens, a client of a person the refresh token it holds. Unknown tokens
 * are answered alike.
 */
export function revokeEndpoint(as: AuthorizationServer, more: Pick<Extension, 'revoke'>): Hono {
  const app = new Hono()
  app.post('/oauth/revoke', async (c) => {
    const form = await readForm(c)
    if (await more.revoke?.(as, form)) return c.body(null, 200)
    const { id: instance, agent } = await clientOf(as, form)
    const token = form.get('token') ?? ''
    const session = isToken(token) ? await as.tokens.resolve(hashToken(token)) : undefined
    if (session?.principal.instance === instance) {
      await as.recorder.append({
        type: 'token.revoked',
        actor: { kind: 'agent', agent, instance },
        ...(session.task === undefined ? {} : { task: session.task }),
        data: { jkt: session.principal.jkt, expires_at: session.expiresAt },
      })
      await as.tokens.revoke({ hash: session.tokenHash })
      await as.bus.publish({ topic: 'token', id: session.tokenHash })
    }
    return c.body(null, 200)
  })
  return app
}
