import { Hono } from 'hono'
import type { AuthorizationServer } from './context.ts'
import { GRANT_DETAIL, TASK_DETAIL } from './details.ts'
import { GRANT_TYPES } from './token.ts'

const ALGS = ['ES256', 'EdDSA']

/** RFC 8414 and RFC 9728 metadata. The gateway is authorization server and resource at once. */
export function metadataEndpoints(
  { issuer }: AuthorizationServer,
  more: { readonly grants: object; authMethods(): readonly string[]; metadata(): object },
): Hono {
  const app = new Hono()
  app.get('/.well-known/oauth-authorization-server', (c) =>
    c.json({
      issuer,
      // Also where no client may use it: the official MCP SDK takes no metadata without one.
      authorization_endpoint: `${issuer}/oauth/authorize`,
      token_endpoint: `${issuer}/oauth/token`,
      revocation_endpoint: `${issuer}/oauth/revoke`,
      introspection_endpoint: `${issuer}/oauth/introspect`,
      introspection_endpoint_auth_methods_supported: ['private_key_jwt'],
      introspection_endpoint_auth_signing_alg_values_supported: ALGS,
      grant_types_supported: [...new Set([...Object.keys(GRANT_TYPES), ...Object.keys(more.grants)])],
      tls_client_certificate_bound_access_tokens: true,
      response_types_supported: [],
      token_endpoint_auth_methods_supported: ['private_key_jwt', ...more.authMethods()],
      token_endpoint_auth_signing_alg_values_supported: ALGS,
      revocation_endpoint_auth_methods_supported: ['private_key_jwt'],
      revocation_endpoint_auth_signing_alg_values_supported: ALGS,
      dpop_signing_alg_values_supported: ALGS,
      authorization_details_types_supported: [TASK_DETAIL, GRANT_DETAIL],
      ...more.metadata(),
    }),
  )
  const resource = (path: string) => ({
    resource: issuer + path,
    authorization_servers: [issuer],
    dpop_signing_alg_values_supported: ALGS,
    dpop_bound_access_tokens_required: true,
    authorization_details_types_supported: [TASK_DETAIL, GRANT_DETAIL],
    resource_name: 'Ostiary',
  })
  app.get('/.well-known/oauth-protected-resource', (c) => c.json(resource('')))
  app.get('/.well-known/oauth-protected-resource/*', (c) =>
    c.json(resource(c.req.path.slice('/.well-known/oauth-protected-resource'.length))),
  )
  return app
}
