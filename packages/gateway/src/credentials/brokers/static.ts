import type { ServerConfig } from '../../config/schema.ts'
import type { Broker, Minted } from '../broker.ts'
import type { References } from '../resolve.ts'

/** Secrets that exist already: read when a lease opens, injected while it lasts, gone from memory when it ends. */
export function staticBroker(references: References): Broker {
  return {
    name: 'static',
    async mint(server, config) {
      const secrets = new Map<string, string>()
      const values = async (record: Readonly<Record<string, string | object>>) => {
        const out: Record<string, string> = {}
        for (const [name, value] of Object.entries(record)) {
          if (typeof value === 'string') out[name] = value
          else {
            const secret = (
              await references.resolve(server, value as Parameters<References['resolve']>[1])
            ).reveal()
            secrets.set(`${server}:${name}`, secret)
            out[name] = secret
          }
        }
        return out
      }
      const { env, headers } = fields(config)
      const minted: Minted = {
        injection: { headers: lowerCase(await values(headers)), env: await values(env) },
        secrets,
        expiresAt: undefined,
      }
      return minted
    },
    async revoke() {
      // The secret outlives the lease by design; that it is injected no longer is all there is to revoke.
    },
  }
}

const fields = (config: ServerConfig) =>
  'command' in config ? { env: config.env, headers: {} } : { env: {}, headers: config.headers }

const lowerCase = (headers: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
