import { getRequestListener } from '@hono/node-server'
import type { Route } from './front.ts'

const BODY_MS = 15_000

/** Mounts a Hono app below some path prefixes. Its bodies are small, so one that takes long is cut off. */
export function honoRoute(
  fetch: (request: Request) => Response | Promise<Response>,
  prefixes: readonly string[],
): Route {
  const listener = getRequestListener(fetch, { overrideGlobalObjects: false })
  return {
    matches: (path) => prefixes.some((prefix) => path.startsWith(prefix)),
    async handle(req, res) {
      const timer = setTimeout(() => {
        if (!req.complete) req.destroy()
      }, BODY_MS)
      res.on('close', () => clearTimeout(timer))
      await listener(req, res)
    },
  }
}
