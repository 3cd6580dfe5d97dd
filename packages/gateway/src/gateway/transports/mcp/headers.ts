import type { IncomingHttpHeaders } from 'node:http'
import type { JsonObject } from '../../../model/json.ts'
import { isObject } from '../../../model/json.ts'
import type { Reason } from '../../../model/reasons.ts'
import { reason } from '../../../model/reasons.ts'
import type { Message } from './message.ts'
import { CLIENT_METHODS, META, MODERN_VERSIONS } from './methods.ts'

const MAX_VALUE = 8192

/**
 * Checks the modern envelope and that the headers say what the body says: intermediaries decide by headers, so a difference is
 * an attack or a bug. `Mcp-Param-*` is compared by {@link checkParamHeaders} once the pinned schema is known.
 * @returns what is wrong, or undefined
 */
export function checkModernHeaders(headers: IncomingHttpHeaders, message: Message): Reason | undefined {
  if (message.type === 'response') return undefined
  const meta = message.params?._meta
  if (message.type === 'request') {
    if (!isObject(meta) || typeof meta[META.version] !== 'string' || !isObject(meta[META.capabilities])) {
      return reason('PARAMS_INVALID', { detail: `_meta must hold ${META.version} and ${META.capabilities}` })
    }
    const version = meta[META.version] as string
    const header = one(headers['mcp-protocol-version'])
    if (header !== version) return mismatch('MCP-Protocol-Version', META.version)
    if (!MODERN_VERSIONS.includes(version)) {
      return reason('PROTOCOL_VERSION_UNSUPPORTED', {
        version: version.slice(0, 40),
        supported: MODERN_VERSIONS.join(', '),
      })
    }
  }
  if (decode(headers['mcp-method']) !== message.method) return mismatch('Mcp-Method', 'method')
  const target = CLIENT_METHODS.get(message.method)?.target
  if (target !== undefined) {
    const named = message.params?.[target]
    if (decode(headers['mcp-name']) !== named) return mismatch('Mcp-Name', `params.${target}`)
  }
  return undefined
}

/** Parameter of a tool that is mirrored in a header: path below `arguments` and its JSON Schema type. */
export interface ParamHeader {
  readonly header: string
  readonly path: readonly string[]
  readonly type: 'string' | 'integer' | 'boolean'
}

/** Properties annotated with `x-mcp-header`, reached through `properties` keys alone (SEP-2243). */
export function paramHeaders(inputSchema: unknown): readonly ParamHeader[] {
  const found: ParamHeader[] = []
  const walk = (schema: unknown, path: readonly string[]) => {
    if (!isObject(schema) || path.length > 8) return
    const name = schema['x-mcp-header']
    if (typeof name === 'string' && path.length > 0) {
      found.push({
        header: `mcp-param-${name.toLowerCase()}`,
        path,
        type: schema.type as ParamHeader['type'],
      })
    }
    if (isObject(schema.properties)) {
      for (const [key, child] of Object.entries(schema.properties)) walk(child, [...path, key])
    }
  }
  walk(inputSchema, [])
  return found
}

export function checkParamHeaders(
  headers: IncomingHttpHeaders,
  declared: readonly ParamHeader[],
  args: JsonObject | undefined,
): Reason | undefined {
  for (const param of declared) {
    let value: unknown = args
    for (const key of param.path) value = isObject(value) ? value[key] : undefined
    const header = decode(headers[param.header])
    if (value === undefined || value === null) {
      if (headers[param.header] !== undefined) return mismatch(param.header, param.path.join('.'))
      continue
    }
    if (header === undefined) return mismatch(param.header, param.path.join('.'))
    const same =
      typeof value === 'number' ? header !== '' && Number(header) === value : header === String(value)
    if (!same) return mismatch(param.header, param.path.join('.'))
  }
  return undefined
}

const mismatch = (header: string, member: string): Reason => reason('HEADER_MISMATCH', { header, member })

const one = (value: string | string[] | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined

/** Plain text, or `=?base64?…?=` for values unsafe in a header; with only one of the two marks it is plain text. Size is capped first. */
function decode(value: string | string[] | undefined): string | undefined {
  const text = one(value)
  if (text === undefined || text.length > MAX_VALUE) return undefined
  const match = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/.exec(text)
  if (!match) return text.startsWith('=?base64?') && text.endsWith('?=') ? undefined : text
  const bytes = Buffer.from(match[1] as string, 'base64')
  return bytes.toString('base64') === match[1] ? bytes.toString('utf8') : undefined
}
