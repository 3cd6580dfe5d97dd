import type { MayAsk } from '../../../config/schema.ts'
import { replaceValue } from '../../../lib/json-splice.ts'
import type { JsonObject } from '../../../model/json.ts'
import { isObject } from '../../../model/json.ts'
import type { Message } from './message.ts'
import { META, SERVER_REQUESTS } from './methods.ts'

/**
 * Removes from what the client declares the capabilities that this server may not use (`may_ask`), and extensions, which have no
 * rules yet: a server is not told of what it would be refused.
 * @returns the text to forward; the same string when nothing had to go
 */
export function withAllowedCapabilities(
  text: string,
  message: Message,
  mayAsk: readonly MayAsk[],
): { text: string; removed: readonly string[] } {
  if (message.type !== 'request') return { text, removed: [] }
  const path =
    message.method === 'initialize' ? ['params', 'capabilities'] : ['params', '_meta', META.capabilities]
  let declared: unknown = message
  for (const key of path) declared = isObject(declared) ? declared[key] : undefined
  if (!isObject(declared)) return { text, removed: [] }
  const removed: string[] = []
  const kept: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(declared as JsonObject)) {
    if (isAllowed(name, mayAsk)) kept[name] = value
    else removed.push(name)
  }
  if (removed.length === 0) return { text, removed }
  return { text: replaceValue(text, path, JSON.stringify(kept)), removed }
}

function isAllowed(capability: string, mayAsk: readonly MayAsk[]): boolean {
  if (capability === 'extensions' || capability === 'tasks') return false
  for (const [method, needs] of SERVER_REQUESTS) {
    if (needs === capability) return mayAsk.includes(method as MayAsk)
  }
  return true
}
