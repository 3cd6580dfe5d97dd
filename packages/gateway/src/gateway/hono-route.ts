import { getRequestListener } from '@hono/node-server'
import { refuse } from '../model/refusal.ts'
import type { Route } from './front.ts'

const BODY_MS = 15_000
const MAX_BODY = 64 * 1024

/** Mounts a Hono app below some path prefixes. Its bodies are small, so one that takes long is cut off. */
export function honoRoute(
  fetch: (request: Request) => Response | Promise<Response>,
  prefixes: readonly string[],
): Route {
  const listener = getRequestListener(fetch, { overrideGlobalObjects: false })
  return {
    matches: (path) => prefixes.some((prefix) => path.startsWith(prefix)),
    async handle(req, res) {
      // A length that is not said beforehand could be any; clients of these endpoints know theirs.
      if (req.headers['transfer-encoding'] !== undefined)
        refuse('REQUEST_MALFORMED', { detail: 'the body needs a Content-Length here' })
      if (Number(req.headers['content-length'] ?? 0) > MAX_BODY) {
        refuse('REQUEST_TOO_LARGE', { limit: MAX_BODY })
      }
      const timer = setTimeout(() => {
        if (!req.complete) req.destroy()
      }, BODY_MS)
      res.on('close', () => clearTimeout(timer))
      await listener(req, res)
    },
  }
}
