import { Agent, request } from 'node:http'
import { pipeline } from 'node:stream'
import { reason } from '../../model/reasons.ts'
import type { Route } from '../front.ts'
import { refuseRequest } from '../front.ts'

const HOP_BY_HOP: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'proxy-connection', 'upgrade'])

/** Hands what only the owner serves on to it, byte for byte: sign-in, tasks, and servers that are its child processes. */
export function forwardRoute(socketPath: string): Route {
  const agent = new Agent({ keepAlive: true })
  return {
    matches: () => true,
    async handle(req, res) {
      const upstream = request({
        socketPath,
        agent,
        method: req.method,
        path: req.url,
        headers: endToEnd(req.rawHeaders),
        setHost: false,
      })
      upstream.on('response', (answer) => {
        res.writeHead(answer.statusCode ?? 502, endToEnd(answer.rawHeaders))
        res.flushHeaders()
        pipeline(answer, res, () => {})
      })
      upstream.on('error', () => refuseRequest(res, reason('SHUTTING_DOWN')))
      res.on('close', () => upstream.destroy())
      pipeline(req, upstream, () => {})
    },
  }
}

function endToEnd(raw: readonly string[]): string[] {
  const kept: string[] = []
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string
    if (!HOP_BY_HOP.has(name.toLowerCase())) kept.push(name, raw[i + 1] as string)
  }
  return kept
}
