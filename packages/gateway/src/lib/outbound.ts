import { lookup as systemLookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { BlockList, isIP } from 'node:net'
import { Agent, type Dispatcher, request } from 'undici'

/** A request of the gateway's own that cannot be made or answered; the message holds no secret and no text of the other side. */
export class OutboundFailed extends Error {
  override name = 'OutboundFailed'
}

export interface OutboundRequest {
  readonly url: string
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** Largest answer, bytes. */
  readonly maxBytes?: number
  /** For all of it, milliseconds. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /**
   * `configured`: an operator wrote the address, so it may be inside. `stranger`: somebody else named it (client metadata, a token), so
   * only public addresses are reached, whatever the name resolves to.
   */
  readonly origin: 'configured' | 'stranger'
  /** Connections of the caller's own, e.g. with another authority to trust; only to addresses that an operator wrote. */
  readonly pool?: Dispatcher
}

export interface OutboundAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
  /** The same, as it came. */
  readonly bytes: Uint8Array
}

const MAX_BYTES = 262_144
const TIMEOUT_MS = 5000
const MAX_URL = 2048

/** Addresses that are not the public internet (RFC 6890 and the IPv6 registries), where a stranger's URL must not lead. */
const PRIVATE = new BlockList()
for (const [net, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  PRIVATE.addSubnet(net, prefix, 'ipv4')
}
/** Of IPv6 only 2000::/3 is public, and of that not what carries an IPv4 address or documentation. */
const PUBLIC6 = new BlockList()
PUBLIC6.addSubnet('2000::', 3, 'ipv6')
const PRIVATE6 = new BlockList()
for (const [net, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const) {
  PRIVATE6.addSubnet(net, prefix, 'ipv6')
}

export function isPublicAddress(address: string): boolean {
  const kind = isIP(address)
  if (kind === 4) return !PRIVATE.check(address, 'ipv4')
  return kind === 6 && PUBLIC6.check(address, 'ipv6') && !PRIVATE6.check(address, 'ipv6')
}

const configured = new Agent({ connect: { timeout: TIMEOUT_MS }, connections: 32 })
/**
 * A lookup that yields public addresses alone; a name with any other is refused whole. What is checked here is what the socket connects to,
 * so a name that resolves to something else a moment later (DNS rebinding) gains nothing.
 */
export const publicOnly =
  (resolve: typeof systemLookup): LookupFunction =>
  (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, [])
      const isAllowed = addresses.length > 0 && addresses.every(({ address }) => isPublicAddress(address))
      if (!isAllowed) return callback(new OutboundFailed('its address is not public'), [])
      callback(null, addresses)
    })
  }

/** Checks the address that is really connected to, so that a name cannot resolve to another one afterwards. */
const stranger = new Agent({
  connections: 8,
  connect: {
    timeout: TIMEOUT_MS,
    lookup: publicOnly(systemLookup),
  },
})

/**
 * One HTTPS request with every bound set: time, size, no redirects, no compression. Plain HTTP only to loopback, and only where an
 * operator wrote the address. @throws OutboundFailed
 */
export async function outbound(options: OutboundRequest): Promise<OutboundAnswer> {
  const url = checked(options)
  const deadline = AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS)
  const signal = options.signal ? AbortSignal.any([options.signal, deadline]) : deadline
  try {
    const response = await request(url, {
      method: options.method ?? 'GET',
      headers: { accept: 'application/json', ...options.headers },
      ...(options.body === undefined ? {} : { body: options.body }),
      dispatcher: options.origin === 'stranger' ? stranger : (options.pool ?? configured),
      signal,
    })
    if (response.statusCode >= 300 && response.statusCode < 400) {
      // Without a listener the end of a body that nobody reads would end the process.
      response.body.on('error', () => {}).destroy()
      throw new OutboundFailed('it answered with a redirect, which is not followed')
    }
    const bytes = await read(response.body, options.maxBytes ?? MAX_BYTES)
    const headers = Object.fromEntries(
      Object.entries(response.headers).flatMap(([name, value]) =>
        typeof value === 'string' ? [[name, value]] : [],
      ),
    )
    return { status: response.statusCode, headers, text: bytes.toString('utf8'), bytes }
  } catch (error) {
    if (error instanceof OutboundFailed) throw error
    if (deadline.aborted) throw new OutboundFailed('it did not answer in time')
    throw new OutboundFailed(plainWords(error as NodeJS.ErrnoException))
  }
}

function checked({ url: text, origin }: OutboundRequest): URL {
  const url = text.length <= MAX_URL ? URL.parse(text) : null
  if (url?.username !== '' || url.password !== '') throw new OutboundFailed('its address is not a URL')
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const isLoopback = host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback && origin === 'configured'))
    throw new OutboundFailed('its address is not https')
  // The parser writes every spelling of an IPv4 address in one way.
  if (origin === 'stranger' && isIP(host) !== 0 && !isPublicAddress(host))
    throw new OutboundFailed('its address is not public')
  return url
}

async function read(body: Dispatcher.ResponseData['body'], maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxBytes) throw new OutboundFailed(`its answer is larger than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** Never the other side's own text. */
function plainWords(error: NodeJS.ErrnoException): string {
  const code = (error.cause as NodeJS.ErrnoException | undefined)?.code ?? error.code ?? error.name
  if (code === 'ECONNREFUSED') return 'the connection was refused'
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'its name does not resolve'
  if (/CERT|TLS|^UNABLE_TO_(GET|VERIFY)_/.test(code)) return 'its certificate was refused'
  if (code === 'AbortError' || code === 'TimeoutError') return 'it did not answer in time'
  return 'the connection failed'
}

/** What OAuth libraries call in place of `fetch`. */
interface FetchOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>> | Headers
  readonly body?: unknown
  readonly signal?: AbortSignal | undefined
}

/** {@link outbound} in the shape of `fetch`, for libraries: to addresses that an operator wrote. */
export async function outboundFetch(url: string, options: FetchOptions): Promise<Response> {
  const { body, signal } = options
  const { status, headers, text } = await outbound({
    url,
    method: (options.method ?? 'GET') as 'GET' | 'POST',
    headers: Object.fromEntries(new Headers(options.headers)),
    ...(body === undefined || body === null ? {} : { body: String(body) }),
    ...(signal === undefined ? {} : { signal }),
    origin: 'configured',
  })
  return new Response(status === 204 ? null : text, { status, headers })
}
