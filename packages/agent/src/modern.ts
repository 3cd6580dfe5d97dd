/** What of a modern request (MCP 2026-07-28) is mirrored in headers. */

type Params = Readonly<Record<string, unknown>> | undefined

const VERSION = 'io.modelcontextprotocol/protocolVersion'
const TARGETS: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
}

export interface ToolHeader {
  readonly header: string
  readonly path: readonly string[]
}

/** The protocol version a request states in its envelope; undefined for a legacy message. */
export function modernVersion(method: string | undefined, params: Params): string | undefined {
  const meta = params?._meta as Params
  const version = meta?.[VERSION]
  if (typeof version === 'string') return version
  return method === 'server/discover' ? '2026-07-28' : undefined
}

export function modernHeaders(
  method: string,
  params: Params,
  version: string,
  tools: ReadonlyMap<string, readonly ToolHeader[]>,
): Record<string, string> {
  const headers: Record<string, string> = { 'mcp-protocol-version': version, 'mcp-method': encode(method) }
  const target = TARGETS[method]
  const named = target === undefined ? undefined : params?.[target]
  if (typeof named === 'string') headers['mcp-name'] = encode(named)
  if (method !== 'tools/call' || typeof named !== 'string') return headers
  for (const { header, path } of tools.get(named) ?? []) {
    let value: unknown = params?.arguments
    for (const key of path) value = own(value, key)
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
      headers[`mcp-param-${header}`] = encode(String(value))
    }
  }
  return headers
}

/** Header parameters that a list of tools declares (`x-mcp-header`, reached through `properties` alone). */
export function toolHeaders(tools: unknown, into: Map<string, readonly ToolHeader[]>): void {
  if (!Array.isArray(tools)) return
  for (const tool of tools as Params[]) {
    if (typeof tool?.name !== 'string') continue
    const found: ToolHeader[] = []
    collect(tool.inputSchema as Params, [], found)
    into.set(tool.name, found)
  }
}

function collect(schema: Params, path: readonly string[], found: ToolHeader[]): void {
  const header = schema?.['x-mcp-header']
  // A name that is no token could not be sent; the gateway tells such a tool from the header that is missing.
  if (typeof header === 'string' && /^[A-Za-z0-9-]{1,64}$/.test(header) && path.length > 0)
    found.push({ header, path })
  const properties = schema?.properties as Params
  if (path.length > 8 || typeof properties !== 'object') return
  for (const [key, child] of Object.entries(properties ?? {})) collect(child as Params, [...path, key], found)
}

const own = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined

/** A value that is not safe as it is in a header goes as `=?base64?…?=`. */
const encode = (value: string): string =>
  /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(value) && !value.startsWith('=?base64?')
    ? value
    : `=?base64?${Buffer.from(value).toString('base64')}?=`
