import type { Dispatcher } from 'undici'
import type { Part } from './delegation.ts'
import { Http } from './http.ts'
import type { InstanceKey } from './key.ts'
import { GatewayRefusal, member, noGateway } from './problem.ts'
import { dpopProof, keyJwt } from './proof.ts'
import { Keys } from './rotation.ts'
import type { Identity } from './state.ts'
import { InstanceState, MemoryState } from './state.ts'
import type { HeldToken } from './tokens.ts'
import { clientAssertion, issueToken, Tokens } from './tokens.ts'

export interface OpenedTask {
  readonly task: {
    readonly id: string
    readonly template: string
    readonly purpose: string
    /** Epoch milliseconds. */
    readonly expires_at: number
  }
  readonly grant: { readonly id: string; readonly authorization_details: readonly object[] }
  readonly servers: readonly string[]
  /** Providers of models that it may ask, at `/llm/<provider>`. */
  readonly models?: readonly string[]
}

export interface TaskRequest {
  readonly template: string
  readonly purpose?: string
  readonly subject?: string
  readonly on_behalf_of?: string
  /** What the person asked for, in their words: where values in calls come from is judged by it. */
  readonly request?: string
  /** The same, signed by a system that the gateway trusts for it (`flow.signers`). */
  readonly signed_request?: string
}

/** A request below the gateway's address. */
export interface AgentRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly headers?: Record<string, string>
  readonly body?: string | Uint8Array
  readonly signal?: AbortSignal
}

type Authorization = { readonly authorization: string; readonly dpop: string }
type Target = {
  readonly method: string
  readonly url: string
  readonly body?: string | Uint8Array | undefined
}

/** One enrolled instance: gets tokens, proves possession on every request, opens and ends tasks. */
export class Agent implements AsyncDisposable {
  readonly identity: Identity
  readonly #http: Http
  readonly #keys: Keys
  readonly #tokens: Tokens
  #rotation: Promise<{ jkt: string; retiring_until: number }> | undefined

  /**
   * An instance with a folder of its own, or one that lives only in this process.
   * @throws when `stateDir` holds no enrolled instance or its key is not private
   */
  constructor(options: { stateDir: string } | { identity: Identity; key: InstanceKey }) {
    const state = 'stateDir' in options ? new InstanceState(options.stateDir) : new MemoryState(options)
    const { identity, key } = state.load()
    this.identity = identity
    this.#http = new Http(identity.issuer)
    this.#keys = new Keys(state, key)
    this.#tokens = new Tokens(async (task) => {
      const token = await this.#keys.using((own) => issueToken(this.#http, identity, own, task))
      // The gateway asks for a new key before this one ends; what is under way goes on with the old one.
      if (token.isKeyDue && 'stateDir' in options) void this.rotateKey().catch(() => {})
      return token
    })
  }

  /** Thumbprint of the key in use. */
  get thumbprint(): string {
    return this.#keys.current.thumbprint
  }

  /** @throws GatewayRefusal, GatewayUnreachable */
  async openTask(task: TaskRequest, options: { signal?: AbortSignal } = {}): Promise<OpenedTask> {
    const answer = await this.#control('/v1/tasks', task, options.signal)
    const id = member(member(answer, 'task'), 'id')
    if (typeof id !== 'string' || !Array.isArray(member(answer, 'servers')))
      throw noGateway(this.identity.issuer)
    return answer as OpenedTask
  }

  /** @throws GatewayRefusal, GatewayUnreachable */
  async closeTask(id: string, options: { signal?: AbortSignal } = {}): Promise<void> {
    this.#tokens.forget(id)
    await this.#control(`/v1/tasks/${encodeURIComponent(id)}/close`, {}, options.signal)
  }

  /**
   * Hands a part of a task to one key of an agent, by a statement that only this key can sign and that is good once, for a minute.
   * @param to the agent by name, and the thumbprint of its key: see {@link SubAgent}
   */
  delegate(task: string, to: { readonly agent: string; readonly jkt: string }, part: Part = {}): string {
    const { details, ...rest } = part
    return keyJwt(this.#keys.current, {
      typ: 'ostiary-delegation+jwt',
      issuer: this.identity.issuer,
      lifeS: 60,
      claims: {
        iss: this.identity.instance,
        sub: task,
        act: { agent: to.agent, jkt: to.jkt },
        ...(details === undefined ? {} : { authorization_details: details }),
        ...rest,
      },
    })
  }

  /** Adds the rights of another template to an open task. @throws GatewayRefusal, GatewayUnreachable */
  async stepUp(task: string, template: string): Promise<OpenedTask> {
    return (await this.#control(`/v1/tasks/${encodeURIComponent(task)}/step-up`, { template })) as OpenedTask
  }

  /** What the gateway knows of a token of this instance, or of a sub-agent's (RFC 7662). @throws GatewayRefusal, GatewayUnreachable */
  async introspect(token: string): Promise<Readonly<Record<string, unknown>>> {
    const { issuer, instance } = this.identity
    const form = new URLSearchParams({ ...clientAssertion(this.#keys.current, issuer, instance), token })
    const answer = await this.#http.control(`${issuer}/oauth/introspect`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: form.toString(),
    })
    if (typeof member(answer, 'active') !== 'boolean') throw noGateway(issuer)
    return answer as Readonly<Record<string, unknown>>
  }

  /** A new key; the old one stays good for the gateway's overlap, so requests under way go through. */
  rotateKey(): Promise<{ jkt: string; retiring_until: number }> {
    this.#rotation ??= this.#rotate().finally(() => {
      this.#rotation = undefined
    })
    return this.#rotation
  }

  /**
   * Headers for one request with the token of a task. The proof is for exactly this method, address and body, and good once.
   * @throws GatewayRefusal, GatewayUnreachable
   */
  async authorize(task: string, target: Target): Promise<Authorization> {
    return authorization(await this.#tokens.get(task), target)
  }

  /** Sends a request with the task's token. A token that ended meanwhile is renewed once, when the gateway says so. */
  async request(task: string, path: string, init: AgentRequest): Promise<Dispatcher.ResponseData> {
    if (!path.startsWith('/')) throw new TypeError('The path must start with a slash.')
    const url = this.identity.issuer + path
    return await this.#renewing(
      task,
      { method: init.method, url, body: init.body },
      (proven) => this.#http.send(url, { ...init, headers: { ...init.headers, ...proven } }),
      (response) => ({
        status: response.statusCode,
        challenge: String(response.headers['www-authenticate'] ?? ''),
        discard: () => response.body.dump(),
      }),
    )
  }

  /**
   * `fetch` with the task's token, for clients that take one: `(url, init) => agent.fetch(task, url, init)`.
   * @throws TypeError for any address but the gateway's, and for a body that is a stream, for which no proof can be made
   */
  async fetch(task: string, input: string | URL, init: RequestInit = {}): Promise<Response> {
    const url = new URL(input)
    if (url.href !== this.identity.issuer && !url.href.startsWith(`${this.identity.issuer}/`)) {
      throw new TypeError('The token of a task goes to its gateway and nowhere else.')
    }
    const { body = null } = init
    if (body !== null && typeof body !== 'string' && !(body instanceof Uint8Array)) {
      throw new TypeError('The body must be a string or bytes.')
    }
    const method = (init.method ?? 'GET').toUpperCase()
    return await this.#renewing(
      task,
      { method, url: url.href, body: body ?? undefined },
      (proven) => {
        const headers = new Headers(init.headers)
        for (const [name, value] of Object.entries(proven)) headers.set(name, value)
        return this.#http.fetch(url, { ...init, method, headers: Object.fromEntries(headers) })
      },
      (response) => ({
        status: response.status,
        challenge: response.headers.get('www-authenticate') ?? '',
        discard: async () => await response.body?.cancel(),
      }),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#http[Symbol.asyncDispose]()
  }

  async #renewing<R>(
    task: string,
    target: Target,
    send: (proven: Authorization) => Promise<R>,
    look: (response: R) => { status: number; challenge: string; discard: () => Promise<unknown> },
  ): Promise<R> {
    const token = await this.#tokens.get(task)
    const response = await send(authorization(token, target))
    const { status, challenge, discard } = look(response)
    // A 401 is decided before anything happens, so asking again repeats no effect.
    if (status !== 401 || !challenge.includes('error="invalid_token"')) return response
    await discard()
    await this.#tokens.drop(task, token.value)
    return await send(await this.authorize(task, target))
  }

  async #control(path: string, input: object, signal?: AbortSignal): Promise<unknown> {
    const url = this.identity.issuer + path
    const body = JSON.stringify(input)
    const send = async (token: HeldToken) =>
      await this.#http.control(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...authorization(token, { method: 'POST', url, body }),
        },
        body,
        signal,
      })
    const token = await this.#tokens.get(undefined)
    try {
      return await send(token)
    } catch (error) {
      if (!isTokenRefusal(error)) throw error
      await this.#tokens.drop(undefined, token.value)
      return await send(await this.#tokens.get(undefined))
    }
  }

  async #rotate(): Promise<{ jkt: string; retiring_until: number }> {
    const { identity } = this
    const check = (key: InstanceKey) => issueToken(this.#http, identity, key, undefined)
    const rotated = await this.#keys.rotate(check, async (next) => {
      const proof = keyJwt(next, { typ: 'ostiary-key+jwt', issuer: identity.issuer, lifeS: 60 })
      const answer = await this.#control('/v1/keys', { jwk: next.jwk, proof })
      const until = member(answer, 'retiring_until')
      if (member(answer, 'jkt') !== next.thumbprint || typeof until !== 'number')
        throw noGateway(identity.issuer)
      return { jkt: next.thumbprint, retiring_until: until }
    })
    // Those at hand are bound to the old key, which ends soon.
    this.#tokens.clear()
    return rotated
  }
}

/** The gateway decides on the token before anything else, so asking again with a new one repeats no effect. */
const isTokenRefusal = (error: unknown): boolean =>
  error instanceof GatewayRefusal && error.status === 401 && error.code.startsWith('TOKEN_')

const authorization = (token: HeldToken, target: Target): Authorization => ({
  authorization: `DPoP ${token.value}`,
  dpop: dpopProof(token.key, { ...target, accessToken: token.value }),
})
