import type { IncomingMessage, ServerResponse } from 'node:http'
import { refuse } from '../model/refusal.ts'
import type { Route } from './front.ts'
import type { Need } from './readiness.ts'

/**
 * `/live`: this process answers. `/ready`: calls would be admitted; 503 names what is missing, in one word each. Whatever runs the gateway asks
 * without a token and by any name, so both say nothing that a stranger could use.
 */
export const probeRoute = (missing: () => Promise<readonly Need[]>): Route => ({
  answersAnyHost: true,
  matches: (path) => path === '/live' || path === '/ready',
  async handle(req, res, path) {
    if (req.method !== 'GET' && req.method !== 'HEAD')
      refuse('HTTP_METHOD_REFUSED', { method: String(req.method).slice(0, 20) })
    if (path === '/live') return say(req, res, 200, { status: 'live' })
    const needs = await missing()
    if (needs.length === 0) say(req, res, 200, { status: 'ready' })
    else say(req, res, 503, { status: 'not ready', missing: needs })
  },
})

function say(req: IncomingMessage, res: ServerResponse, status: number, body: object): void {
  res.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  res.end(req.method === 'HEAD' ? undefined : JSON.stringify(body))
}
