import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { noteCertificate } from '../lib/client-certificate.ts'
import type { Reason } from '../model/reasons.ts'
import { nextStep, reason, sentence, status } from '../model/reasons.ts'
import { Refusal } from '../model/refusal.ts'
import type { TlsMaterial, WebServer } from './tls.ts'

/** One place that answers requests below a path. */
export interface Route {
  /** Also by a name that is not this gateway's, and for any page: it shows nothing. */
  readonly answersAnyHost?: boolean
  /** True when the path is this route's. */
  matches(path: string): boolean
  handle(req: IncomingMessage, res: ServerResponse, path: string): Promise<void>
}

/**
 * The listener in front of everything: checks Host and Origin, hands each request to the first route that matches,
 * and bounds what a slow or broken client can hold.
 */
export function front(options: {
  routes: readonly Route[]
  guard: (req: IncomingMessage) => void
  onBug: (error: unknown) => void
  tls?: TlsMaterial | undefined
  /** Listens on a private socket for this gateway's own workers, who say which certificate their client has. */
  isForWorkers?: boolean
}): WebServer {
  const { tls } = options
  const settings = {
    maxHeaderSize: 32 * 1024,
    headersTimeout: 15_000,
    // Bodies have their own deadline, streams none.
    requestTimeout: 0,
    keepAliveTimeout: 65_000,
    connectionsCheckingInterval: 5_000,
  }
  const onRequest = (req: IncomingMessage, res: ServerResponse) => {
    if (!options.isForWorkers) noteCertificate(req)
    dispatch(options.routes, options.guard, req, res).catch((error: unknown) => {
      if (!(error instanceof Refusal)) options.onBug(error)
      refuseRequest(res, error instanceof Refusal ? error.reason : reason('INTERNAL'))
    })
  }
  const server = tls
    ? createTlsServer({ ...settings, ...tls, rejectUnauthorized: false, minVersion: 'TLSv1.2' }, onRequest)
    : createServer(settings, onRequest)
  server.maxRequestsPerSocket = 0
  server.on('clientError', (_error, socket) => {
    if (socket.writable)
      socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
    else socket.destroy()
  })
  return server
}

async function dispatch(
  routes: readonly Route[],
  guard: (req: IncomingMessage) => void,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const path = (req.url ?? '/').split('?', 1)[0] as string
  const route = routes.find((candidate) => candidate.matches(path))
  if (!route?.answersAnyHost) guard(req)
  if (routes.length === 0) throw new Refusal(reason('SHUTTING_DOWN'))
  if (!route) throw new Refusal(reason('PATH_UNKNOWN'))
  await route.handle(req, res, path)
}

export function refuseRequest(res: ServerResponse, why: Reason): void {
  if (res.headersSent || res.destroyed) return
  const { req } = res
  // The rest of a body that was refused is not waited for.
  if (!req.complete) res.on('finish', () => req.destroy())
  res.writeHead(status(why), {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    ...(req.complete ? {} : { connection: 'close' }),
  })
  res.end(
    JSON.stringify({
      error: why.code.toLowerCase(),
      reason: { code: why.code, sentence: sentence(why), next: nextStep(why) },
    }),
  )
}
