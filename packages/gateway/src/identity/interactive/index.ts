import type { AuthorizationServer, Extension } from '../authorization-server/index.ts'
import type { AuthorizeDeps } from './authorize.ts'
import { authorizeEndpoint } from './authorize.ts'
import { authorizationCode, refreshToken, revokeRefreshToken } from './grants.ts'

export type { SignIn } from './authorize.ts'
export { Clients } from './clients.ts'
export { Codes } from './codes.ts'

/** What clients that people use add to the authorization server. */
export function interactive(deps: AuthorizeDeps): Extension {
  const { issuer, clients } = deps
  return {
    grants: {
      authorization_code: (as: AuthorizationServer, c, form) => authorizationCode(deps, as, c, form),
      refresh_token: (as: AuthorizationServer, c, form) => refreshToken(deps, as, c, form),
    },
    routes: [authorizeEndpoint(deps)],
    revoke: (as, form) => revokeRefreshToken(deps, as, form),
    authMethods: () => (clients.isEnabled ? ['none'] : []),
    metadata: () =>
      clients.isEnabled
        ? {
            response_types_supported: ['code'],
            code_challenge_methods_supported: ['S256'],
            authorization_response_iss_parameter_supported: true,
            client_id_metadata_document_supported: true,
            ...(clients.takesRegistrations ? { registration_endpoint: `${issuer}/oauth/register` } : {}),
          }
        : {},
  }
}
