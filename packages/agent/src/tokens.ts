import type { Http } from './http.ts'
import type { InstanceKey } from './key.ts'
import { member, noGateway } from './problem.ts'
import { dpopProof, keyJwt } from './proof.ts'
import type { Identity } from './state.ts'

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const REFRESH_EARLY_MS = 30_000

/** An access token and the key it is bound to; a proof by any other key is refused. */
export interface HeldToken {
  readonly value: string
  readonly key: InstanceKey
  /** Epoch milliseconds from which a new one is asked for: 30 seconds before the end, or half way when it is short. */
  readonly refreshAt: number
  /** The gateway wants the key replaced. */
  readonly isKeyDue: boolean
}

/** Tokens by task, `undefined` standing for the one that only opens tasks. At most one request for each is under way. */
export class Tokens {
  readonly #issue: (task: string | undefined) => Promise<HeldToken>
  readonly #held = new Map<string | undefined, Promise<HeldToken>>()

  constructor(issue: (task: string | undefined) => Promise<HeldToken>) {
    this.#issue = issue
  }

  /** @throws GatewayRefusal, GatewayUnreachable */
  async get(task: string | undefined): Promise<HeldToken> {
    for (;;) {
      const promise = this.#held.get(task) ?? this.#fetch(task)
      const token = await promise
      if (token.refreshAt > Date.now()) return token
      // Whoever comes first forgets it; the others find the request for the next one.
      if (this.#held.get(task) === promise) this.#held.delete(task)
      if (!this.#held.has(task)) return await this.#fetch(task)
    }
  }

  /** Forgets a token that the gateway no longer takes, unless a newer one is there already. */
  async drop(task: string | undefined, value: string): Promise<void> {
    const promise = this.#held.get(task)
    const held = await promise?.catch(() => undefined)
    if (held?.value === value && this.#held.get(task) === promise) this.#held.delete(task)
  }

  forget(task: string): void {
    this.#held.delete(task)
  }

  clear(): void {
    this.#held.clear()
  }

  #fetch(task: string | undefined): Promise<HeldToken> {
    const fresh = this.#issue(task)
    this.#held.set(task, fresh)
    fresh.catch(() => {
      if (this.#held.get(task) === fresh) this.#held.delete(task)
    })
    return fresh
  }
}

/** Form fields by which an instance proves itself to an endpoint (RFC 7523 section 2.2). */
export const clientAssertion = (
  key: InstanceKey,
  issuer: string,
  instance: string,
): { client_assertion_type: string; client_assertion: string } => ({
  client_assertion_type: ASSERTION_TYPE,
  client_assertion: keyJwt(key, { typ: 'JWT', issuer, lifeS: 30, claims: { iss: instance, sub: instance } }),
})

/**
 * Asks for a token by `private_key_jwt` and DPoP (RFC 7523, RFC 9449 section 5), bound to a task (RFC 9396) when one is given.
 * @throws GatewayRefusal, GatewayUnreachable
 */
export async function issueToken(
  http: Http,
  { issuer, instance }: Identity,
  key: InstanceKey,
  task: string | undefined,
): Promise<HeldToken> {
  const url = `${issuer}/oauth/token`
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    ...clientAssertion(key, issuer, instance),
  })
  if (task !== undefined) {
    form.set('authorization_details', JSON.stringify([{ type: 'urn:ostiary:task:v1', task }]))
  }
  const asked = Date.now()
  const answer = await http.control(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      dpop: dpopProof(key, { method: 'POST', url }),
    },
    body: form.toString(),
  })
  const value = member(answer, 'access_token')
  const seconds = member(answer, 'expires_in')
  if (typeof value !== 'string' || !/^[\w.~+/=-]{1,4096}$/.test(value) || typeof seconds !== 'number') {
    throw noGateway(issuer)
  }
  const life = seconds * 1000
  const isKeyDue = typeof member(answer, 'rotate_key_within') === 'number'
  return { value, key, refreshAt: asked + Math.max(life - REFRESH_EARLY_MS, life / 2), isKeyDue }
}
