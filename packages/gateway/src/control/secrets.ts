import { Hono } from 'hono'
import { z } from 'zod'
import type { Secrets } from '../credentials/secrets.ts'
import { refuse } from '../model/refusal.ts'
import { readInput } from './input.ts'
import type { ControlEnv } from './session.ts'
import { by } from './session.ts'

export interface SecretsApiDeps {
  readonly secrets: Secrets
  /** A secret has another value, or none: what was read before is used no more. */
  onSecretChanged(): Promise<void>
}

const Put = z.strictObject({
  value: z.string().min(1).max(65_536),
  /** Milliseconds for which the version before can be gone back to; at most 30 days. */
  grace_ms: z.number().int().nonnegative().max(2_592_000_000).optional(),
})
const SecretName = /^[A-Za-z0-9._-]{1,80}$/

/** Sealed secrets: put, list, roll back, destroy. No route ever gives a value back. */
export function secretRoutes({ secrets, onSecretChanged }: SecretsApiDeps): Hono<ControlEnv> {
  const app = new Hono<ControlEnv>()
  app.get('/secrets', async (c) => c.json({ secrets: await secrets.list() }))
  app.put('/secrets/:name', async (c) => {
    const name = c.req.param('name')
    if (!SecretName.test(name)) {
      refuse('REQUEST_MALFORMED', {
        detail: 'the name of a secret has 1 to 80 letters, digits, dots, hyphens and underscores',
      })
    }
    const { value, grace_ms } = await readInput(c, Put)
    const secret = await secrets.put(name, value, by(c), grace_ms)
    await onSecretChanged()
    return c.json({ secret }, 201)
  })
  app.post('/secrets/:name/rollback', async (c) => {
    const secret = await secrets.rollback(c.req.param('name'), by(c))
    await onSecretChanged()
    return c.json({ secret })
  })
  app.delete('/secrets/:name', async (c) => {
    await secrets.destroy(c.req.param('name'), by(c))
    await onSecretChanged()
    return c.body(null, 204)
  })
  return app
}
