import { randomUUID } from 'node:crypto'
import type { Dispatcher } from 'undici'
import { Agent as HttpAgent, request } from 'undici'
import { InstanceKey } from './key.ts'
import { GatewayRefusal, GatewayUnreachable, readAnswer } from './problem.ts'
import { dpopProof } from './proof.ts'
import type { Identity } from './state.ts'
import { InstanceState } from './state.ts'

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const REFRESH_EARLY_MS = 30_000

export interface OpenedTask {
  readonly task: {
    readonly id: string
    readonly template: string
    readonly purpose: string
    readonly expires_at: number
  }
  readonly grant: { readonly id: string }
  readonly servers: readonly string[]
}

export interface TaskRequest {
  readonly template: string
  readonly purpose?: string
  readonly subject?: string
  readonly on_behalf_of?: string
}

interface SendOptions {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly headers: Record<string, string>
  readonly body?: string
  readonly signal?: AbortSignal
}

interface HeldToken {
  readonly value: string
  readonly expiresAt: number
}

/** One enrolled instance: gets tokens, proves possession on every request, opens and ends tasks. */
export class Agent implements AsyncDisposable {
  readonly identity: Identity
  readonly #state: InstanceState
  readonly #http = new HttpAgent({ bodyTimeout: 0, headersTimeout: 0, connections: 128 })
  readonly #tokens = new Map<string, Promise<HeldToken>>()
  #key: InstanceKey
  #next: InstanceKey | undefined

  /** @throws when `stateDir` holds no enrolled instance or its key is not private */
  constructor(options: { stateDir: string }) {
    this.#state = new InstanceState(options.stateDir)
    const { identity, key, next } = this.#state.load()
    this.identity = identity
    this.#key = key
    this.#next = next
  }

  /** Thumbprint of the key in use. */
  get thumbprint(): string {
    return this.#key.thumbprint
  }

  async openTask(task: TaskRequest): Promise<OpenedTask> {
    return await this.#control<OpenedTask>('/v1/tasks', task)
  }

  async closeTask(id: string): Promise<void> {
    this.#tokens.delete(id)
    await this.#control(`/v1/tasks/${id}/close`, {})
  }

  /** A new key; the old one stays good for the gateway's overlap, so requests under way go through. */
  async rotateKey(): Promise<{ jkt: string; retiring_until: number }> {
    const next = InstanceKey.create()
    this.#state.prepareNext(next)
    this.#next = next
    const now = Math.floor(Date.now() / 1000)
    const proof = next.signJwt(
      { typ: 'ostiary-key+jwt' },
      { aud: this.identity.issuer, iat: now, exp: now + 60, jti: randomUUID() },
    )
    const answer = await this.#control<{ jkt: string; retiring_until: number }>('/v1/keys', {
      jwk: next.jwk,
      proof,
    })
    this.#promote()
    return answer
  }

  /**
   * Headers for one request with the token of a task. The proof is for exactly this method, address and body, and good once.
   * @throws GatewayRefusal, GatewayUnreachable
   */
  async authorize(
    task: string,
    request: { method: string; url: string; body?: string | Uint8Array | undefined },
  ): Promise<Record<string, string>> {
    const { value } = await this.#token(task)
    return {
      authorization: `DPoP ${value}`,
      dpop: dpopProof(this.#key, { ...request, accessToken: value }),
    }
  }

  /** Sends a request with the task's token. A token that ended meanwhile is renewed once, when the gateway says so. */
  async request(
    task: string,
    path: string,
    init: {
      method: 'GET' | 'POST' | 'DELETE'
      headers?: Record<string, string>
      body?: string
      signal?: AbortSignal
    },
  ): Promise<Dispatcher.ResponseData> {
    const url = this.identity.issuer + path
    const send = async () =>
      await this.#send(url, {
        method: init.method,
        headers: {
          ...init.headers,
          ...(await this.authorize(task, { method: init.method, url, body: init.body })),
        },
        ...(init.body === undefined ? {} : { body: init.body }),
        ...(init.signal === undefined ? {} : { signal: init.signal }),
      })
    const response = await send()
    const challenge = String(response.headers['www-authenticate'] ?? '')
    // A 401 is decided before anything happens, so asking again repeats no effect.
    if (response.statusCode !== 401 || !challenge.includes('error="invalid_token"')) return response
    await response.body.dump()
    this.#tokens.delete(task)
    return await send()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#http.destroy()
  }

  async #control<T>(path: string, input: object): Promise<T> {
    const url = this.identity.issuer + path
    const body = JSON.stringify(input)
    const { value } = await this.#token('')
    const response = await this.#send(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `DPoP ${value}`,
        dpop: dpopProof(this.#key, { method: 'POST', url, accessToken: value, body }),
      },
      body,
    })
    return await readAnswer<T>({ status: response.statusCode, text: () => response.body.text() })
  }

  /** The token of a task, or with an empty id the one that only opens tasks. One request at a time for each. */
  async #token(task: string): Promise<HeldToken> {
    const held = await this.#tokens.get(task)?.catch(() => undefined)
    if (held && held.expiresAt - REFRESH_EARLY_MS > Date.now()) return held
    const fresh = this.#issue(task)
    this.#tokens.set(task, fresh)
    fresh.catch(() => this.#tokens.delete(task))
    return await fresh
  }

  async #issue(task: string): Promise<HeldToken> {
    try {
      return await this.#issueWith(this.#key, task)
    } catch (error) {
      // A crash during a rotation can leave the gateway with the new key only.
      if (!this.#next || !(error instanceof GatewayRefusal) || error.status !== 401) throw error
      const token = await this.#issueWith(this.#next, task)
      this.#promote()
      return token
    }
  }

  async #issueWith(key: InstanceKey, task: string): Promise<HeldToken> {
    const { issuer, instance } = this.identity
    const url = `${issuer}/oauth/token`
    const now = Math.floor(Date.now() / 1000)
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      client_assertion_type: ASSERTION_TYPE,
      client_assertion: key.signJwt(
        { typ: 'JWT' },
        { iss: instance, sub: instance, aud: issuer, iat: now, exp: now + 30, jti: randomUUID() },
      ),
    })
    if (task !== '')
      form.set('authorization_details', JSON.stringify([{ type: 'urn:ostiary:task:v1', task }]))
    const response = await this.#send(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        dpop: dpopProof(key, { method: 'POST', url }),
      },
      body: form.toString(),
    })
    const answer = await readAnswer<{ access_token: string; expires_in: number }>({
      status: response.statusCode,
      text: () => response.body.text(),
    })
    return { value: answer.access_token, expiresAt: Date.now() + answer.expires_in * 1000 }
  }

  #promote(): void {
    if (!this.#next) return
    this.#state.promoteNext()
    this.#key = this.#next
    this.#next = undefined
    // Tokens are bound to the old key.
    this.#tokens.clear()
  }

  async #send(url: string, options: SendOptions): Promise<Dispatcher.ResponseData> {
    try {
      return await request(url, { ...options, dispatcher: this.#http })
    } catch (error) {
      if ((error as Error).name === 'AbortError') throw error
      throw new GatewayUnreachable(
        `The gateway at ${this.identity.issuer} cannot be reached. Start it with \`ostiary up\`, or check the address.`,
      )
    }
  }
}
