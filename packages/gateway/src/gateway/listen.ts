import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { reason } from '../model/reasons.ts'
import type { InFlight } from './in-flight.ts'
import type { WebServer } from './tls.ts'

const GRACE_MS = 2000

/** The port cannot be had. */
export class CannotListen extends Error {
  override name = 'CannotListen'
}

export interface Place {
  readonly host: string
  readonly port: number
  readonly scheme?: 'http' | 'https'
}

/** Starts listening. @param setting where the port is configured @returns the base address @throws CannotListen */
export async function listen(
  server: WebServer,
  { host, port, scheme = 'http' }: Place,
  setting = 'listen.port',
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', (error: NodeJS.ErrnoException) => {
    const why =
      error.code === 'EADDRINUSE' ? 'another program is listening there' : (error.code ?? error.message)
    reject(
      new CannotListen(
        `Cannot listen on ${host}:${port}: ${why}. Choose another port under \`${setting}\` in ostiary.yaml.`,
      ),
    )
  })
  server.listen({ host, port }, resolve)
  await promise
  return addressOf({ host, port: (server.address() as AddressInfo).port, scheme })
}

export const addressOf = ({ host, port, scheme = 'http' }: Place): string =>
  `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`

/** A port for several processes to share, settled before the first of them starts. */
export async function freePort({ host, port }: Place): Promise<Place> {
  const probe = createServer()
  const address = await listen(probe, { host, port })
  const closed = Promise.withResolvers<void>()
  probe.close(() => closed.resolve())
  await closed.promise
  return { host, port: Number(new URL(address).port || 80) }
}

/** Ends open calls with a reason, then connections that linger. */
export async function closeServer(server: WebServer, inFlight: InFlight): Promise<void> {
  inFlight.stopAll(reason('SHUTTING_DOWN'))
  const { promise, resolve } = Promise.withResolvers<void>()
  server.close(() => resolve())
  server.closeIdleConnections()
  const timer = setTimeout(() => server.closeAllConnections(), GRACE_MS)
  await promise
  clearTimeout(timer)
}

/** For an interface whose requests are short. */
export async function closeNow(server: WebServer): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  server.close(() => resolve())
  server.closeAllConnections()
  await promise
}
