import { hash } from 'node:crypto'
import { Hono } from 'hono'
import { z } from 'zod'
import { parseStrict } from '../../lib/strict-json.ts'
import { refuse } from '../../model/refusal.ts'
import { proveKey } from './assertion.ts'
import type { AuthorizationServer } from './context.ts'

const Input = z.object({
  code: z.string().min(8).max(100),
  jwk: z.record(z.string(), z.unknown()),
  proof: z.string().max(8192),
  host: z.string().max(200).default(''),
})

const TRIES_PER_MINUTE = 30

/** POST /v1/enrol: a one-time code and a fresh key become an instance. The private key stays where it was made. */
export function enrolEndpoint(as: AuthorizationServer): Hono {
  const app = new Hono()
  let minute = 0
  let tries = 0
  app.post('/v1/enrol', async (c) => {
    const bytes = new Uint8Array(await c.req.arrayBuffer())
    if (bytes.length > 16_384) refuse('REQUEST_TOO_LARGE', { limit: 16_384 })
    const input = Input.safeParse(parseStrict(bytes).value)
    if (!input.success) return refuse('REQUEST_MALFORMED', { detail: 'it needs `code`, `jwk` and `proof`' })
    const now = Math.floor(as.clock.now() / 60_000)
    if (now !== minute) {
      minute = now
      tries = 0
    }
    if (tries >= TRIES_PER_MINUTE) refuse('RATE_LIMITED', { limit: TRIES_PER_MINUTE, seconds: 60 })
    const { code, jwk, proof, host } = input.data
    const { key, payload } = proveKey(as, jwk, proof, 'ostiary-enrol+jwt')
    // The proof names the code, so it cannot be lifted into another enrolment.
    if (payload.code_hash !== hash('sha256', code, 'base64url')) {
      refuse('ASSERTION_INVALID', { detail: '`code_hash` is not that of the code' })
    }
    const agent = await as.enrolment.redeem(code).catch((error: unknown) => {
      // Guesses are what is limited; whoever has a code has it from an operator.
      tries++
      throw error
    })
    const instance = await as.instances.enrol(agent, key, { host, method: 'one-time code', attested: {} })
    return c.json({ instance: instance.id, agent, issuer: as.issuer }, 201)
  })
  return app
}
