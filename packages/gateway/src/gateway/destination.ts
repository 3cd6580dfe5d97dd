import type { Config } from '../config/schema.ts'
import { isStdio } from '../config/schema.ts'

const known = new WeakMap<object, string>()

/** `host:port` of an upstream that is reached over the network; undefined for a child process, and for none that is configured. */
export function destinationOf({ servers, models }: Config, name: string): string | undefined {
  const upstream = Object.hasOwn(servers, name) ? servers[name] : undefined
  if (upstream && isStdio(upstream)) return undefined
  const at = upstream ?? (Object.hasOwn(models, name) ? models[name] : undefined)
  if (!at) return undefined
  const before = known.get(at)
  if (before !== undefined) return before
  const { hostname, port, protocol } = new URL(at.url)
  const destination = `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`
  known.set(at, destination)
  return destination
}
