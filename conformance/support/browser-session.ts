import type { GuardedGateway } from './gateway.ts'

/** A person's browser, as far as cookies and redirects go. */
export class BrowserSession {
  readonly cookies = new Map<string, string>()
  readonly #gateway: GuardedGateway

  constructor(gateway: GuardedGateway) {
    this.#gateway = gateway
  }

  /** Follows no redirect. `url` may be a path of the gateway. */
  async fetch(url: string, init: RequestInit = {}): Promise<Response> {
    const target = new URL(url, this.#gateway.url)
    const headers = new Headers(init.headers)
    // As a browser: cookies of loopback hosts are kept apart by their port only here.
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    if (cookie !== '' && target.origin === new URL(this.#gateway.url).origin) headers.set('cookie', cookie)
    const response = await fetch(target, { ...init, headers, redirect: 'manual' })
    for (const text of response.headers.getSetCookie()) {
      const [pair = ''] = text.split(';')
      const at = pair.indexOf('=')
      if (/max-age=0/i.test(text)) this.cookies.delete(pair.slice(0, at))
      else this.cookies.set(pair.slice(0, at), pair.slice(at + 1))
    }
    return response
  }

  post(url: string, body: object, headers: Record<string, string> = {}): Promise<Response> {
    return this.fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
  }

  form(url: string, fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> {
    return this.fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body: new URLSearchParams(fields).toString(),
    })
  }

  /** Signs in with a one-time link for a person, who is added when new. */
  async signIn(name: string, roles: readonly string[] = []): Promise<void> {
    const { operators } = await this.#gateway.control<{ operators: { name: string }[] }>('GET', '/operators')
    if (!operators.some((known) => known.name === name))
      await this.#gateway.control('POST', '/operators', { name, roles })
    const path = `/operators/${encodeURIComponent(name)}/link`
    const { url } = await this.#gateway.control<{ url: string }>('POST', path)
    const code = new URLSearchParams(new URL(url).hash.slice(1)).get('code')
    const answer = await this.post('/operators/sign-in/link', { code })
    if (answer.status !== 200) throw new Error(await answer.text())
  }
}
