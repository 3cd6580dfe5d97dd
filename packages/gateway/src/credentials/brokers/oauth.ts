import type { CryptoKey as Key } from 'jose'
import { importPKCS8 } from 'jose'
import * as oauth from 'oauth4webapi'
import type { ClientAuthConfig, CredentialOf } from '../../config/credential-schema.ts'
import { outboundFetch } from '../../lib/outbound.ts'
import { Turns } from '../../lib/turns.ts'
import { refuse } from '../../model/refusal.ts'
import type { Broker, BrokerDeps, MintRequest } from '../broker.ts'
import { CannotRevoke } from '../broker.ts'
import { asking } from './failed.ts'
import { withSubject } from './subject.ts'

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const JWT_TYPE = 'urn:ietf:params:oauth:token-type:jwt'
const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token'
const LONGEST_S = 24 * 60 * 60

type Config = CredentialOf<'oauth'>

/** A token of another authorization server (RFC 6749 sections 4.4 and 6, RFC 8693), revoked by RFC 7009 where it offers that. */
export function oauthBroker(deps: BrokerDeps): Broker<'oauth'> {
  // A refresh token used twice is taken for stolen (RFC 9700 section 4.14.2), so tasks use one after the other.
  const turns = new Turns()
  return {
    kind: 'oauth',
    async mint(request) {
      const { config, server, signal } = request
      const auth = await clientAuth(deps, server, config.auth)
      const ask = () =>
        asking(server, 'the authorization server', async () => {
          const [as, client] = await sides(config, signal)
          const [grant, parameters] = await asked(deps, request)
          const options = requestOptions(signal)
          const response = await oauth.genericTokenEndpointRequest(
            as,
            client,
            auth,
            grant,
            parameters,
            options,
          )
          return await oauth.processGenericTokenEndpointResponse(as, client, response)
        })
      const { grant } = config
      const answer = await (typeof grant === 'string'
        ? ask()
        : turns.take(grant.refresh_token.broker, async () => {
            const answered = await ask()
            // RFC 6749 section 6: the one that was used is good no more.
            if (answered.refresh_token === undefined) return answered
            try {
              await deps.replaceSecret(grant.refresh_token, answered.refresh_token)
            } catch (error) {
              await giveBack(deps, request, answered.access_token).catch(() => {})
              throw error
            }
            return answered
          }))
      try {
        assertNoMore(request, answer.scope)
        return {
          values: new Map([['token', answer.access_token]]),
          expiresAt: deps.now() + lifetime(server, answer.expires_in) * 1000,
          reference: answer.access_token,
        }
      } catch (error) {
        // Nobody gets it, so nobody would give it back.
        await giveBack(deps, request, answer.access_token).catch(() => {})
        throw error
      }
    },
    async revoke(request) {
      // Nothing was ever minted under this lease, as far as anyone knows; what the other side may have made lapses there.
      if (request.reference !== undefined) await giveBack(deps, request, request.reference)
    },
  }
}

async function giveBack(
  deps: BrokerDeps,
  { config, server, signal }: Pick<MintRequest<'oauth'>, 'config' | 'server' | 'signal'>,
  token: string,
): Promise<void> {
  const auth = await clientAuth(deps, server, config.auth)
  const [as, client] = await asking(server, 'the authorization server', () => sides(config, signal))
  if (as.revocation_endpoint === undefined) throw new CannotRevoke()
  await asking(server, 'the authorization server', async () => {
    const response = await oauth.revocationRequest(as, client, auth, token, requestOptions(signal))
    await oauth.processRevocationResponse(response)
  })
}

/** A scope for one subject is a wall: a server that grants another than was asked for (RFC 6749 section 5.1) has taken it down. */
function assertNoMore(request: MintRequest<'oauth'>, granted: string | undefined): void {
  const { scope } = request.config
  if (granted === undefined || !scope?.includes('{subject}')) return
  const asked = withSubject(request, scope).split(' ')
  if (!granted.split(' ').every((one) => asked.includes(one)))
    refuse('CREDENTIAL_UNAVAILABLE', {
      server: request.server,
      detail: 'its token is for more than the subject of the task',
    })
}

async function asked(deps: BrokerDeps, request: MintRequest<'oauth'>): Promise<[string, URLSearchParams]> {
  const { config, server } = request
  const parameters = new URLSearchParams()
  if (config.scope !== undefined) parameters.set('scope', withSubject(request, config.scope))
  if (config.resource !== undefined) parameters.set('resource', config.resource)
  if (config.audience !== undefined) parameters.set('audience', config.audience)
  if (config.grant === 'client_credentials') return ['client_credentials', parameters]
  if (config.grant === 'token_exchange') {
    parameters.set('subject_token', await deps.outwardToken(request, config.issuer))
    parameters.set('subject_token_type', JWT_TYPE)
    parameters.set('requested_token_type', ACCESS_TOKEN_TYPE)
    return [EXCHANGE, parameters]
  }
  parameters.set('refresh_token', (await deps.secret(server, config.grant.refresh_token)).reveal())
  return ['refresh_token', parameters]
}

/** @throws when the metadata (RFC 8414) are of another issuer, so that no secret goes where they would lead (mix-up) */
async function sides(
  config: Config,
  signal: AbortSignal,
): Promise<[oauth.AuthorizationServer, oauth.Client]> {
  const { issuer, token_endpoint, revocation_endpoint } = config
  const found = token_endpoint === undefined ? await discovered(issuer, signal) : { issuer, token_endpoint }
  const as = revocation_endpoint === undefined ? found : { ...found, revocation_endpoint }
  return [as, { client_id: config.client_id }]
}

async function discovered(issuer: string, signal: AbortSignal): Promise<oauth.AuthorizationServer> {
  const expected = new URL(issuer)
  const options = { algorithm: 'oauth2', ...requestOptions(signal) } as const
  return await oauth.processDiscoveryResponse(expected, await oauth.discoveryRequest(expected, options))
}

const requestOptions = (signal: AbortSignal) => ({
  [oauth.customFetch]: outboundFetch,
  // Plain http is refused by the transport for any address but this machine's own.
  [oauth.allowInsecureRequests]: true,
  signal,
})

async function clientAuth(
  deps: BrokerDeps,
  server: string,
  auth: ClientAuthConfig,
): Promise<oauth.ClientAuth> {
  if ('secret' in auth) return basic((await deps.secret(server, auth.secret)).reveal())
  const key = await privateKey(deps, server, auth)
  return oauth.PrivateKeyJwt(auth.kid === undefined ? key : { key, kid: auth.kid })
}

/**
 * RFC 6749 section 2.3.1, in the form encoding of its appendix B. The library's own also escapes `-`, `_`, `.` and `*`, which servers that
 * do not decode take for a wrong secret.
 */
const basic =
  (secret: string): oauth.ClientAuth =>
  (_as, { client_id }, _body, headers) => {
    const pair = `${formEncoded(client_id)}:${formEncoded(secret)}`
    headers.set('authorization', `Basic ${Buffer.from(pair).toString('base64')}`)
  }

const formEncoded = (text: string): string => new URLSearchParams([['', text]]).toString().slice(1)

/** @throws Refusal CREDENTIAL_UNAVAILABLE, which does not quote what was no key */
export async function privateKey(
  deps: BrokerDeps,
  server: string,
  { key, alg }: Extract<ClientAuthConfig, { key: unknown }>,
): Promise<Key> {
  const pem = (await deps.secret(server, key)).reveal()
  try {
    return await importPKCS8(pem, alg)
  } catch {
    return refuse('CREDENTIAL_UNAVAILABLE', { server, detail: `its key is no PKCS #8 PEM for ${alg}` })
  }
}

/** A token that does not say when it ends is taken to end soon. */
function lifetime(server: string, seconds: number | undefined): number {
  if (seconds === undefined) return 300
  if (seconds > 0 && seconds <= LONGEST_S) return seconds
  return refuse('CREDENTIAL_UNAVAILABLE', { server, detail: 'the token’s lifetime is not a sensible one' })
}
