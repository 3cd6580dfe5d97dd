import type { Context } from 'hono'
import { Hono } from 'hono'
import { refuse } from '../../model/refusal.ts'
import { clientCredentials } from './client-credentials.ts'
import type { AuthorizationServer } from './context.ts'
import type { Form } from './form.ts'
import { readForm } from './form.ts'
import { tokenExchange } from './token-exchange.ts'

export type GrantHandler = (as: AuthorizationServer, c: Context, form: Form) => Promise<Response>

/** Every way to a token. Each ends in {@link issueToken}, and nothing else issues one. */
export const GRANT_TYPES: Readonly<Record<string, GrantHandler>> = {
  client_credentials: clientCredentials,
  'urn:ietf:params:oauth:grant-type:token-exchange': tokenExchange,
}

/** POST /oauth/token. `more` are the grant types of rooms that build on this one. */
export function tokenEndpoint(as: AuthorizationServer, more: Readonly<Record<string, GrantHandler>>): Hono {
  const all = { ...GRANT_TYPES, ...more }
  const app = new Hono()
  app.post('/oauth/token', async (c) => {
    const form = await readForm(c)
    const type = form.get('grant_type') ?? ''
    const grant = Object.hasOwn(all, type) ? all[type] : undefined
    if (!grant) return refuse('GRANT_TYPE_UNSUPPORTED', { supported: Object.keys(all).join(', ') })
    checkResource(as, form.get('resource'))
    return await grant(as, c, form)
  })
  return app
}

/** RFC 8707: tokens are for this gateway, so an address elsewhere is a mistake of the client's. */
function checkResource(as: AuthorizationServer, resource: string | undefined): void {
  if (resource === undefined || resource === as.issuer || resource.startsWith(`${as.issuer}/`)) return
  refuse('RESOURCE_UNKNOWN')
}
