import type { IncomingMessage } from 'node:http'
import { refuse } from '../model/refusal.ts'

/**
 * Refuses requests that a web page made behind its user's back: an unknown Host (DNS rebinding) or a foreign Origin.
 * @throws Refusal HOST_REFUSED or ORIGIN_REFUSED
 */
export function hostGuard(options: {
  hosts: readonly string[]
  origins: readonly string[]
}): (req: IncomingMessage) => void {
  const hosts = new Set([
    'localhost',
    '127.0.0.1',
    '[::1]',
    ...options.hosts.map((host) => host.toLowerCase()),
  ])
  const origins = new Set(options.origins)
  return (req) => {
    const host = req.headers.host ?? ''
    const name = host.replace(/:\d{1,5}$/, '').toLowerCase()
    if (!hosts.has(name)) refuse('HOST_REFUSED', { host: host.slice(0, 100) })
    const { origin } = req.headers
    // A page the gateway itself served may call it: its origin is the very host that was just checked.
    if (origin === undefined || origins.has(origin) || isSame(origin, host)) return
    refuse('ORIGIN_REFUSED', { origin: origin.slice(0, 100) })
  }
}

const isSame = (origin: string, host: string): boolean =>
  origin === `http://${host}` || origin === `https://${host}`
