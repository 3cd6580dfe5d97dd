import { sseParser } from '../../../lib/sse.ts'
import { parseReceived } from '../../../lib/strict-json.ts'
import type { Json, JsonObject } from '../../../model/json.ts'
import { isObject } from '../../../model/json.ts'
import { prefixed } from './aggregate.ts'
import { LEGACY_VERSIONS, META, MODERN_VERSIONS } from './methods.ts'
import type { Received } from './receive.ts'
import type { Captured } from './reply.ts'

/** One server's answer to a message for all. */
export interface Part {
  readonly server: string
  readonly reply: Captured
  /** Undefined when the server was refused, failed, or there was nothing to answer. */
  readonly result: JsonObject | undefined
}

const SERVER_INFO = { name: 'ostiary', version: '0.1.0' }

/** The `result` in a captured answer, whether it came as JSON or as a stream. */
export function answerOf(reply: Captured, received: Received): JsonObject | undefined {
  if (reply.status !== 200 || received.message.type !== 'request' || reply.destroyed) return undefined
  const { id } = received.message
  let found: JsonObject | undefined
  const read = (text: string) => {
    const value = parseReceived(text)
    if (isObject(value) && value.id === id && isObject(value.result)) found = value.result
  }
  if (reply.headers['content-type'] === 'text/event-stream') {
    sseParser(reply.body.length + 1, (event) => event.data && read(event.data))(Buffer.from(reply.body))
  } else read(reply.body)
  return found
}

export function mergeInitialize(parts: readonly Part[]): JsonObject {
  const versions = parts.flatMap((part) => String(part.result?.protocolVersion ?? [])).filter(Boolean)
  const oldest = [...LEGACY_VERSIONS, '2024-11-05'].findLast((version) => versions.includes(version))
  return {
    protocolVersion: oldest ?? (LEGACY_VERSIONS[0] as string),
    capabilities: mergeCapabilities(parts),
    serverInfo: SERVER_INFO,
    ...describe(parts),
  }
}

export function mergeDiscovery(parts: readonly Part[]): JsonObject {
  return {
    resultType: 'complete',
    supportedVersions: [...MODERN_VERSIONS],
    capabilities: mergeCapabilities(parts),
    ttlMs: 0,
    cacheScope: 'private',
    ...describe(parts),
    _meta: { 'io.modelcontextprotocol/serverInfo': SERVER_INFO },
  }
}

export function mergeLists(parts: readonly Part[], member: string): JsonObject {
  const items = parts.flatMap((part) => {
    const list = part.result?.[member]
    return Array.isArray(list)
      ? (list as readonly Json[]).filter(isObject).map((definition) => prefixed(part.server, definition))
      : []
  })
  const modern = parts.some((part) => part.result?.resultType !== undefined)
  return {
    ...(modern ? { resultType: 'complete', ttlMs: 0, cacheScope: 'private' } : {}),
    [member]: items,
    _meta: {
      [META.receipt]: parts.flatMap((part) => {
        const meta = part.result?._meta
        return isObject(meta) && meta[META.receipt] !== undefined ? [meta[META.receipt] as Json] : []
      }),
    },
  }
}

/** What any of the servers can do; list-changed and subscriptions need a stream that this endpoint does not have. */
function mergeCapabilities(parts: readonly Part[]): JsonObject {
  const names = new Set(
    parts.flatMap((part) =>
      isObject(part.result?.capabilities) ? Object.keys(part.result.capabilities) : [],
    ),
  )
  return Object.fromEntries([...names].sort().map((name) => [name, {}]))
}

function describe(parts: readonly Part[]): { instructions?: string } {
  const lines = parts.flatMap((part) =>
    typeof part.result?.instructions === 'string' && part.result.instructions !== ''
      ? [`## ${part.server}\n${part.result.instructions}`]
      : [],
  )
  const missing = parts.filter((part) => part.result === undefined).map((part) => part.server)
  if (missing.length > 0) lines.push(`Not available now: ${missing.join(', ')}.`)
  return lines.length > 0 ? { instructions: lines.join('\n\n') } : {}
}
