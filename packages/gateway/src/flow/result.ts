import { parse } from 'yaml'
import type { Json, JsonObject } from '../model/json.ts'
import { isObject } from '../model/json.ts'

/** Texts above this are not read as documents: their values are known as text only. */
const MAX_DOCUMENT = 262_144

/**
 * What an MCP tool result says, as a document that labels can point into: `structuredContent`, or its one text block read as JSON or YAML,
 * or else the texts themselves. What cannot be read as structure stays text.
 */
export function documentOf(result: JsonObject): Json {
  if (result.structuredContent !== undefined) return result.structuredContent
  const texts = textsOf(result)
  return texts.length === 1 ? readDocument(texts[0] as string) : texts
}

/** Every text of a result, embedded resources included. */
export function textsOf(result: JsonObject): readonly string[] {
  if (!Array.isArray(result.content)) return []
  return (result.content as readonly Json[]).flatMap((block) => {
    if (!isObject(block)) return []
    if (typeof block.text === 'string') return [block.text]
    return isObject(block.resource) && typeof block.resource.text === 'string' ? [block.resource.text] : []
  })
}

/** Aliases are refused: they make much out of little. Dates and numbers in YAML stay as they are written. */
export function readDocument(text: string): Json {
  if (text.length > MAX_DOCUMENT) return text
  const first = text.trimStart()[0] ?? ''
  try {
    if ('{['.includes(first) && first !== '') return JSON.parse(text) as Json
  } catch {
    // A server's own notation, read below.
  }
  if (!/^(?:\s*- |\s*[\w-]+:(?:\s|$)|\{)/m.test(text)) return text
  try {
    const value = parse(text, {
      maxAliasCount: 0,
      schema: 'failsafe',
      uniqueKeys: true,
      logLevel: 'silent',
    }) as Json
    return typeof value === 'object' && value !== null ? value : text
  } catch {
    return text
  }
}
