import { randomUUID } from 'node:crypto'
import { SignJWT } from 'jose'
import { z } from 'zod'
import { outbound } from '../../lib/outbound.ts'
import { refuse } from '../../model/refusal.ts'
import type { Broker, BrokerDeps } from '../broker.ts'
import { CannotRevoke } from '../broker.ts'
import { asking } from './failed.ts'
import { privateKey } from './oauth.ts'

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const ASSERTION_S = 240

const Answer = z.object({
  access_token: z.string().min(1).max(8192),
  token_type: z.string().regex(/^bearer$/i),
  expires_in: z.number().int().positive(),
})

/**
 * SMART Backend Services (SMART App Launch 2.2, backend services): an assertion for the token endpoint alone, RS384 or ES384, good for less than
 * five minutes. Its scopes are of the whole system, so which patient a task may see has to be enforced on the way to the server.
 */
export function smartBackendBroker(deps: BrokerDeps): Broker<'smart-backend'> {
  return {
    kind: 'smart-backend',
    async mint({ config, server, signal }) {
      const key = await privateKey(deps, server, { key: config.key, alg: config.alg })
      const now = Math.floor(deps.now() / 1000)
      const assertion = await new SignJWT({})
        .setProtectedHeader({ alg: config.alg, kid: config.kid, typ: 'JWT' })
        .setIssuer(config.client_id)
        .setSubject(config.client_id)
        .setAudience(config.token_endpoint)
        .setIssuedAt(now)
        .setExpirationTime(now + ASSERTION_S)
        .setJti(randomUUID())
        .sign(key)
      const answer = await asking(server, 'the FHIR authorization server', async () => {
        const { status, text } = await outbound({
          url: config.token_endpoint,
          method: 'POST',
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: new URLSearchParams({
            grant_type: 'client_credentials',
            scope: config.scope,
            client_assertion_type: ASSERTION_TYPE,
            client_assertion: assertion,
          }).toString(),
          origin: 'configured',
          signal,
        })
        if (status !== 200) throw new Error('refused')
        return Answer.parse(JSON.parse(text))
      })
      if (answer.expires_in > config.max_lifetime)
        refuse('CREDENTIAL_UNAVAILABLE', {
          server,
          detail: `its token is good for ${answer.expires_in} s, which is longer than ${config.max_lifetime} s`,
        })
      return {
        values: new Map([['token', answer.access_token]]),
        expiresAt: deps.now() + answer.expires_in * 1000,
        reference: 'minted',
      }
    },
    async revoke({ reference }) {
      if (reference !== undefined) throw new CannotRevoke()
    },
  }
}
