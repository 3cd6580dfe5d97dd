import type { Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { reason } from '../model/reasons.ts'
import type { InFlight } from './in-flight.ts'

const GRACE_MS = 2000

/** The port cannot be had. */
export class CannotListen extends Error {
  override name = 'CannotListen'
}

/** Starts listening. @returns the base address */
export async function listen(
  server: HttpServer,
  { host, port }: { host: string; port: number },
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', (error: NodeJS.ErrnoException) => {
    const why =
      error.code === 'EADDRINUSE' ? 'another program is listening there' : (error.code ?? error.message)
    reject(
      new CannotListen(
        `Cannot listen on ${host}:${port}: ${why}. Choose another port under \`listen.port\` in ostiary.yaml.`,
      ),
    )
  })
  server.listen({ host, port }, resolve)
  await promise
  const address = server.address() as AddressInfo
  return `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`
}

/** Ends open calls with a reason, then connections that linger. */
export async function closeServer(server: HttpServer, inFlight: InFlight): Promise<void> {
  inFlight.stopAll(reason('SHUTTING_DOWN'))
  const { promise, resolve } = Promise.withResolvers<void>()
  server.close(() => resolve())
  server.closeIdleConnections()
  const timer = setTimeout(() => server.closeAllConnections(), GRACE_MS)
  await promise
  clearTimeout(timer)
}
