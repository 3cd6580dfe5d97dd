import type { ModelConfig, SecretReference, ServerConfig } from '../config/schema.ts'
import { KEY_HEADERS } from '../config/schema.ts'
import type { RequestKey } from '../lib/http-signature.ts'
import type { Secret } from '../lib/secret.ts'
import { refuse } from '../model/refusal.ts'
import type { Minted } from './broker.ts'
import { secretParts } from './secret-parts.ts'

/** What is put into a request or a child process on behalf of a task; never shown to the agent. */
export interface Injection {
  readonly headers: Readonly<Record<string, string>>
  readonly env: Readonly<Record<string, string>>
  /** Signs requests, where the server is configured so. */
  readonly signing?: RequestKey
  /** Proves, with each request, that the token in `authorization` is bound to this key. */
  readonly proof?: RequestKey
  /** Epoch milliseconds after which it has to be asked for again; undefined when it does not expire. */
  readonly freshUntil: number | undefined
}

export interface Composed {
  readonly headers: Readonly<Record<string, string>>
  readonly env: Readonly<Record<string, string>>
  /** Secret values in it by name, so that they can be recognised when they leak. */
  readonly secrets: ReadonlyMap<string, string>
}

/** What a credential can be for: a server, or a provider of models. */
export type Upstream = ServerConfig | ModelConfig

type Resolve = (server: string, reference: SecretReference) => Promise<Secret>

/**
 * Puts a server's secrets where its configuration says. A minted `token` that is put nowhere goes out as `Authorization: Bearer`, or `DPoP` when it is
 * bound to a key.
 * @throws Refusal CREDENTIAL_UNAVAILABLE
 */
export async function compose(
  server: string,
  config: Upstream,
  minted: Minted | undefined,
  resolve: Resolve,
): Promise<Composed> {
  const secrets = new Map<string, string>()
  const learn = (name: string, secret: string) => {
    for (const [i, part] of secretParts(secret).entries())
      secrets.set(i === 0 ? `${server}:${name}` : `${server}:${name}, part ${i}`, part)
  }
  const secretAt = async (value: Exclude<ConfiguredValue, string>) =>
    'lease' in value ? partOf(server, minted, value.lease) : (await resolve(server, value)).reveal()
  const fill = async (fields: Readonly<Record<string, ConfiguredValue>>) => {
    const out: Record<string, string> = {}
    for (const [name, value] of Object.entries(fields)) {
      if (typeof value === 'string') out[name] = value
      else {
        const secret = await secretAt(value)
        learn(name, secret)
        out[name] = secret
      }
    }
    return out
  }
  for (const [name, value] of minted?.values ?? []) learn(name, value)
  if ('command' in config) return { headers: {}, env: await fill(config.env), secrets }
  const headers = lowerCase(await fill(config.headers))
  if ('apis' in config && config.key !== undefined) {
    const key = await secretAt(config.key)
    learn('key', key)
    // Of the headers for several APIs, the one of the API that is spoken is sent.
    for (const api of config.apis) {
      const [name, value] = KEY_HEADERS[api](key)
      headers[name] = value
    }
    return { headers, env: {}, secrets }
  }
  const token = minted?.values.get('token')
  if (token !== undefined && !usesLease(config.headers))
    headers.authorization ??= `${minted?.proof ? 'DPoP' : 'Bearer'} ${token}`
  return { headers, env: {}, secrets }
}

type ConfiguredValue = string | SecretReference | { readonly lease: string }

function partOf(server: string, minted: Minted | undefined, name: string): string {
  return (
    minted?.values.get(name) ??
    refuse('CREDENTIAL_UNAVAILABLE', { server, detail: `its credential has no value \`${name}\`` })
  )
}

const usesLease = (fields: Readonly<Record<string, ConfiguredValue>>): boolean =>
  Object.values(fields).some((value) => typeof value === 'object' && 'lease' in value)

const lowerCase = (headers: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
