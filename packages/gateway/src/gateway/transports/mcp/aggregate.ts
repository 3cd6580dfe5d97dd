import { replaceValue } from '../../../lib/json-splice.ts'
import type { Json, JsonObject } from '../../../model/json.ts'
import { isObject } from '../../../model/json.ts'
import type { Id, Message } from './message.ts'

export interface Owned<T = string> {
  readonly server: string
  readonly name: T
}

/** Separates server and tool in names of the aggregate endpoint; server names hold no underscore. */
const SEPARATOR = '__'

export const joinName = (server: string, name: string): string => `${server}${SEPARATOR}${name}`

export function splitName(name: string): Owned | undefined {
  const at = name.indexOf(SEPARATOR)
  return at <= 0 ? undefined : { server: name.slice(0, at), name: name.slice(at + SEPARATOR.length) }
}

/** `server+scheme:…`: a URI stays a URI, and says whose it is (`+` is allowed in a scheme, RFC 3986 section 3.1). */
export const joinUri = (server: string, uri: string): string => `${server}+${uri}`

export function splitUri(uri: string): Owned | undefined {
  const at = uri.indexOf('+')
  return at <= 0 ? undefined : { server: uri.slice(0, at), name: uri.slice(at + 1) }
}

/** Ids of requests that servers send, so that the client's answer finds its way back. */
export const joinId = (server: string, id: Id): string => `${server}:${JSON.stringify(id)}`

export function splitId(id: string): Owned<Id> | undefined {
  const at = id.indexOf(':')
  try {
    const own = JSON.parse(id.slice(at + 1)) as Json
    if (at > 0 && (typeof own === 'string' || typeof own === 'number'))
      return { server: id.slice(0, at), name: own }
  } catch {
    // Not one of ours.
  }
  return undefined
}

/** A definition as the aggregate endpoint shows it. */
export function prefixed(server: string, definition: JsonObject): JsonObject {
  const out: Record<string, Json> = { ...definition }
  const isResource = 'uri' in out || 'uriTemplate' in out
  if (typeof out.name === 'string' && !isResource) out.name = joinName(server, out.name)
  if (typeof out.uri === 'string') out.uri = joinUri(server, out.uri)
  if (typeof out.uriTemplate === 'string') out.uriTemplate = joinUri(server, out.uriTemplate)
  return out
}

/** One message of a server with the names the aggregate endpoint's client knows. */
export function presentPrefixed(server: string, text: string, message: Message): string {
  if (message.type === 'request')
    return replaceValue(text, ['id'], JSON.stringify(joinId(server, message.id)))
  if (message.type === 'notification') {
    const uri = message.params?.uri
    return typeof uri === 'string'
      ? replaceValue(text, ['params', 'uri'], JSON.stringify(joinUri(server, uri)))
      : text
  }
  if (!isObject(message.result)) return text
  const { contents, content } = message.result
  let out = text
  if (Array.isArray(contents)) {
    const shown = (contents as readonly Json[]).map((item) =>
      isObject(item) ? prefixed(server, item) : item,
    )
    out = replaceValue(out, ['result', 'contents'], JSON.stringify(shown))
  }
  if (Array.isArray(content) && (content as readonly Json[]).some(hasUri)) {
    const shown = (content as readonly Json[]).map((item) => presentContent(server, item))
    out = replaceValue(out, ['result', 'content'], JSON.stringify(shown))
  }
  return out
}

const hasUri = (item: Json): boolean =>
  isObject(item) && (item.type === 'resource_link' || item.type === 'resource')

function presentContent(server: string, item: Json): Json {
  if (!isObject(item)) return item
  if (item.type === 'resource_link' && typeof item.uri === 'string')
    return { ...item, uri: joinUri(server, item.uri) }
  if (item.type === 'resource' && isObject(item.resource))
    return { ...item, resource: prefixed(server, item.resource) }
  return item
}
