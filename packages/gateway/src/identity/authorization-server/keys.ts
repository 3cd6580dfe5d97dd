import { hash } from 'node:crypto'
import { Hono } from 'hono'
import { z } from 'zod'
import { certificateOf } from '../../lib/client-certificate.ts'
import { parseStrict } from '../../lib/strict-json.ts'
import { refuse } from '../../model/refusal.ts'
import { authenticate } from '../authenticate.ts'
import { proveKey } from './assertion.ts'
import type { AuthorizationServer } from './context.ts'

const Input = z.object({ jwk: z.record(z.string(), z.unknown()), proof: z.string().max(8192) })

/** POST /v1/keys: an instance takes a new key; the old one stays good for a short overlap. */
export function keysEndpoint(as: AuthorizationServer): Hono {
  const app = new Hono()
  app.post('/v1/keys', async (c) => {
    const bytes = new Uint8Array(await c.req.arrayBuffer())
    if (bytes.length > 16_384) refuse('REQUEST_TOO_LARGE', { limit: 16_384 })
    const { session, replayKey } = await authenticate(
      {
        authorization: c.req.header('authorization'),
        dpop: c.req.header('dpop'),
        method: 'POST',
        url: `${as.issuer}/v1/keys`,
        certificate: certificateOf(c.req.header())?.thumbprint,
        contentDigest: `sha-256=:${hash('sha256', bytes, 'base64')}:`,
        now: as.clock.now(),
        windowMs: as.proofWindowMs,
      },
      (tokenHash) => as.tokens.resolve(tokenHash),
    )
    // A certificate is renewed by its issuer, and a bearer has no key.
    if (replayKey === undefined) return refuse('PROOF_MISSING')
    if (!as.useOnce(replayKey)) refuse('PROOF_REPLAYED')
    const input = Input.safeParse(parseStrict(bytes).value)
    if (!input.success) return refuse('REQUEST_MALFORMED', { detail: 'it needs `jwk` and `proof`' })
    const { key } = proveKey(as, input.data.jwk, input.data.proof, 'ostiary-key+jwt')
    return c.json(await as.instances.rotate(session.principal, key))
  })
  return app
}
