import { z } from 'zod'
import { OutboundFailed, outbound } from '../../lib/outbound.ts'
import { parseStrict } from '../../lib/strict-json.ts'
import { refuse } from '../../model/refusal.ts'

const MAX_BYTES = 10_240
const KEEP_MS = 60 * 60_000
const MAX_KEPT = 500

/** What a client says of itself. Nothing of it is verified but that it came from its own address. */
export interface ClientMetadata {
  readonly clientId: string
  readonly name: string
  readonly redirectUris: readonly string[]
}

/** Of RFC 7591 section 2 only what is used; secrets make the document unacceptable, since it is public. */
const Document = z.object({
  client_name: z.string().max(200).optional(),
  redirect_uris: z.array(z.string().max(2048)).min(1).max(20),
  grant_types: z.array(z.string()).optional(),
  response_types: z.array(z.string()).optional(),
  token_endpoint_auth_method: z.literal('none').optional(),
  client_secret: z.never().optional(),
  client_secret_expires_at: z.never().optional(),
})

const PageOf = z.object({ client_id: z.string() })

/**
 * Reads what a client registers, or has published (RFC 7591 section 2): public clients with redirect addresses that lead to themselves.
 * @throws Refusal CLIENT_INVALID
 */
export function readMetadata(clientId: string, value: unknown): ClientMetadata {
  const parsed = Document.safeParse(value)
  if (!parsed.success)
    return refuse('CLIENT_INVALID', {
      detail: z.prettifyError(parsed.error).replace(/\s+/g, ' ').slice(0, 200),
    })
  const { redirect_uris, client_name, grant_types, response_types } = parsed.data
  if (grant_types && !grant_types.includes('authorization_code'))
    refuse('CLIENT_INVALID', { detail: 'its `grant_types` lack authorization_code' })
  if (response_types && !response_types.includes('code'))
    refuse('CLIENT_INVALID', { detail: 'its `response_types` lack code' })
  const bad = redirect_uris.find((uri) => !isRedirect(uri))
  if (bad !== undefined)
    refuse('CLIENT_INVALID', { detail: 'a redirect address must be https, or http to this very machine' })
  const name = (client_name ?? '').replace(/[\p{C}\u2028\u2029]/gu, '').slice(0, 80)
  return { clientId, name, redirectUris: redirect_uris }
}

/** RFC 8252 section 7: https, a private-use scheme with a dot, or http to loopback; never a fragment. */
function isRedirect(text: string): boolean {
  const url = URL.parse(text)
  if (url?.username !== '' || url.password !== '' || text.includes('#')) return false
  if (url.protocol === 'https:') return true
  return url.protocol === 'http:' ? isLoopback(url) : /^[a-z][a-z0-9+-]*\.[a-z0-9.+-]+:$/.test(url.protocol)
}

const isLoopback = ({ hostname }: URL): boolean =>
  hostname === '127.0.0.1' || hostname === '[::1]' || hostname === 'localhost'

/**
 * Whether a request's redirect address is one of the client's: exactly, but for the port of a loopback address, which a native client
 * learns when it starts (RFC 8252 section 7.3; RFC 9700 section 4.1.3).
 */
export function isRegistered({ redirectUris }: ClientMetadata, asked: string): boolean {
  if (redirectUris.includes(asked)) return isRedirect(asked)
  const url = URL.parse(asked)
  if (url?.protocol !== 'http:' || !isLoopback(url) || !isRedirect(asked)) return false
  return redirectUris.some((registered) => {
    const own = URL.parse(registered)
    if (own?.protocol !== 'http:' || !isLoopback(own)) return false
    return own.hostname === url.hostname && own.pathname === url.pathname && own.search === url.search
  })
}

/** Published client metadata (draft-ietf-oauth-client-id-metadata-document), read at most once an hour. */
export class ClientDocuments {
  readonly #now: () => number
  readonly #held = new Map<string, { metadata: ClientMetadata; until: number }>()

  constructor(now: () => number) {
    this.#now = now
  }

  /** @param clientId an address that an operator has listed. @throws Refusal CLIENT_INVALID, CLIENT_UNAVAILABLE */
  async get(clientId: string): Promise<ClientMetadata> {
    const held = this.#held.get(clientId)
    if (held && held.until > this.#now()) return held.metadata
    const metadata = await this.#read(clientId)
    if (this.#held.size >= MAX_KEPT) this.#held.clear()
    this.#held.set(clientId, { metadata, until: this.#now() + KEEP_MS })
    return metadata
  }

  async #read(clientId: string): Promise<ClientMetadata> {
    let text: string
    try {
      // The operator wrote the address down, so it may be inside; everything else about it is a stranger's.
      const answer = await outbound({ url: clientId, origin: 'configured', maxBytes: MAX_BYTES })
      if (answer.status !== 200) throw new OutboundFailed(`it answered with status ${answer.status}`)
      text = answer.text
    } catch (error) {
      if (!(error instanceof OutboundFailed)) throw error
      return refuse('CLIENT_UNAVAILABLE', { detail: error.message })
    }
    const { value } = parseStrict(Buffer.from(text))
    const page = PageOf.safeParse(value)
    if (page.data?.client_id !== clientId)
      refuse('CLIENT_INVALID', { detail: 'its document names another `client_id`' })
    return readMetadata(clientId, value)
  }
}
