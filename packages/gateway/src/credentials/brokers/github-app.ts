import { SignJWT } from 'jose'
import { z } from 'zod'
import { outbound } from '../../lib/outbound.ts'
import type { Broker, BrokerDeps } from '../broker.ts'
import { asking } from './failed.ts'
import { privateKey } from './oauth.ts'

const HEADERS = { 'x-github-api-version': '2022-11-28', 'user-agent': 'ostiary' } as const
const JSON_TYPE = 'application/vnd.github+json'

const Answer = z.object({ token: z.string().min(10).max(4096), expires_at: z.iso.datetime({ offset: true }) })

/** An installation access token, narrowed to some repositories and permissions (GitHub REST, `POST /app/installations/{id}/access_tokens`). */
export function githubAppBroker(deps: BrokerDeps): Broker<'github-app'> {
  return {
    kind: 'github-app',
    async mint({ config, server, signal }) {
      const key = await privateKey(deps, server, { key: config.key, alg: 'RS256' })
      const now = Math.floor(deps.now() / 1000)
      // A minute back for their clock; ten minutes is the longest they take.
      const jwt = await new SignJWT({ iss: config.app_id, iat: now - 60, exp: now + 480 })
        .setProtectedHeader({ alg: 'RS256' })
        .sign(key)
      const { repositories, permissions } = config
      const answer = await asking(server, 'GitHub', async () => {
        const { status, text } = await outbound({
          url: `${config.api.replace(/\/$/, '')}/app/installations/${config.installation_id}/access_tokens`,
          method: 'POST',
          headers: {
            ...HEADERS,
            accept: JSON_TYPE,
            'content-type': 'application/json',
            authorization: `Bearer ${jwt}`,
          },
          body: JSON.stringify({ repositories, permissions }),
          origin: 'configured',
          signal,
        })
        if (status !== 201) throw new Error('refused')
        return Answer.parse(JSON.parse(text))
      })
      return {
        values: new Map([['token', answer.token]]),
        expiresAt: Date.parse(answer.expires_at),
        reference: answer.token,
      }
    },
    async revoke({ config, server, reference, signal }) {
      if (reference === undefined) return
      await asking(server, 'GitHub', async () => {
        const { status } = await outbound({
          url: `${config.api.replace(/\/$/, '')}/installation/token`,
          method: 'DELETE',
          headers: { ...HEADERS, accept: JSON_TYPE, authorization: `Bearer ${reference}` },
          origin: 'configured',
          signal,
        })
        // 401: it is dead already.
        if (status !== 204 && status !== 401) throw new Error('refused')
      })
    },
  }
}
