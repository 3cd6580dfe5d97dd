import * as client from 'openid-client'
import type { Role, SignInConfig } from '../../config/people-schema.ts'
import { ROLES } from '../../config/people-schema.ts'
import { outboundFetch } from '../../lib/outbound.ts'
import { refuse } from '../../model/refusal.ts'

/** What has to come back with the answer; kept sealed in a cookie of the browser that asked. */
export interface Pending {
  readonly state: string
  readonly nonce: string
  readonly verifier: string
  readonly returnTo: string
}

export interface Person {
  readonly name: string
  /** Issuer and subject: what identifies the account. */
  readonly subject: string
  readonly roles: readonly Role[]
}

/** Sign-in through the organisation's provider (OpenID Connect Core, authorization code with PKCE, state, nonce and RFC 9207 `iss`). */
export class OidcSignIn {
  readonly #config: SignInConfig
  readonly #redirectUri: string
  readonly #secret: () => Promise<string | undefined>
  #discovered: Promise<client.Configuration> | undefined

  constructor(config: SignInConfig, redirectUri: string, secret: () => Promise<string | undefined>) {
    this.#config = config
    this.#redirectUri = redirectUri
    this.#secret = secret
  }

  async start(returnTo: string): Promise<{ url: string; pending: Pending }> {
    const provider = await this.#provider()
    const pending: Pending = {
      state: client.randomState(),
      nonce: client.randomNonce(),
      verifier: client.randomPKCECodeVerifier(),
      returnTo,
    }
    const url = client.buildAuthorizationUrl(provider, {
      redirect_uri: this.#redirectUri,
      scope: this.#config.scope,
      state: pending.state,
      nonce: pending.nonce,
      code_challenge: await client.calculatePKCECodeChallenge(pending.verifier),
      code_challenge_method: 'S256',
    })
    return { url: url.href, pending }
  }

  /** @param query of the callback. @throws Refusal SIGN_IN_REFUSED, without the provider's own words */
  async finish(query: string, pending: Pending): Promise<Person> {
    const provider = await this.#provider()
    let claims: client.IDToken | undefined
    try {
      const tokens = await client.authorizationCodeGrant(provider, new URL(`${this.#redirectUri}${query}`), {
        expectedState: pending.state,
        expectedNonce: pending.nonce,
        pkceCodeVerifier: pending.verifier,
        idTokenExpected: true,
      })
      claims = tokens.claims()
    } catch {
      return refuse('SIGN_IN_REFUSED', { detail: 'the provider’s answer does not belong to this sign-in' })
    }
    return this.#person(claims)
  }

  #person(claims: client.IDToken | undefined): Person {
    const name = claims?.[this.#config.name_claim]
    if (!claims || typeof name !== 'string' || name === '')
      return refuse('SIGN_IN_REFUSED', { detail: `the account has no \`${this.#config.name_claim}\`` })
    // An address that nobody has confirmed could be anybody's.
    if (this.#config.name_claim === 'email' && claims.email_verified === false)
      return refuse('SIGN_IN_REFUSED', { detail: 'the e-mail address of the account is not verified' })
    const roles = ROLES.filter((role) => {
      const rule = this.#config.roles[role]
      const value = rule && claims[rule.claim]
      return rule !== undefined && (Array.isArray(value) ? value.includes(rule.is) : value === rule.is)
    })
    return { name, subject: `${claims.iss}|${claims.sub}`, roles }
  }

  #provider(): Promise<client.Configuration> {
    this.#discovered ??= this.#discover().catch((error: unknown) => {
      this.#discovered = undefined
      throw error
    })
    return this.#discovered
  }

  async #discover(): Promise<client.Configuration> {
    const { issuer, client_id } = this.#config
    const secret = await this.#secret()
    try {
      const auth = secret === undefined ? client.None() : client.ClientSecretBasic(secret)
      return await client.discovery(new URL(issuer), client_id, {}, auth, {
        [client.customFetch]: outboundFetch,
        // Plain http is refused by the transport for any address but this machine's own.
        execute: new URL(issuer).protocol === 'http:' ? [client.allowInsecureRequests] : [],
      })
    } catch {
      return refuse('SIGN_IN_REFUSED', { detail: 'the sign-in provider cannot be reached' })
    }
  }
}
