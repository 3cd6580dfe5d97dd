import { Hono } from 'hono'
import type { ControlEnv } from './session.ts'

export interface StatusApiDeps {
  readonly issuer: string
  status(): Promise<Record<string, unknown>>
  reload(): Promise<{ digest: string; waiting_for_start: readonly string[] }>
  shutdown(): void
}

export function statusRoutes({ status, reload, shutdown }: StatusApiDeps): Hono<ControlEnv> {
  const app = new Hono<ControlEnv>()
  app.get('/status', async (c) => c.json(await status()))
  app.post('/reload', async (c) => c.json(await reload()))
  app.post('/shutdown', (c) => {
    setImmediate(shutdown)
    return c.json({ stopping: true }, 202)
  })
  return app
}
