import type { Json } from '../model/json.ts'
import { isObject } from '../model/json.ts'

const KEYWORD = 'x-mcp-header'
const MAX_HEADERS = 32
/** Deeper ones are not compared with the headers of a call. */
const MAX_PATH = 8
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/
const MAPS_OF_SCHEMAS = new Set([
  'properties',
  '$defs',
  'definitions',
  'patternProperties',
  'dependentSchemas',
])
const VALUES = new Set(['const', 'default', 'enum', 'examples'])

/**
 * Checks the uses of `x-mcp-header` in an input schema (SEP-2243): a token, unique ignoring case, on a string, integer or boolean,
 * reached through `properties` alone. A breach lets headers say one thing and the body another, so the tool is invalid.
 */
export function headerMisuse(inputSchema: Json | undefined): string | undefined {
  const names = new Set<string>()
  const walk = (schema: Json, depth: number | undefined): string | undefined => {
    if (!isObject(schema)) return undefined
    if (Object.hasOwn(schema, KEYWORD)) {
      const problem = checkUse(schema[KEYWORD], schema.type, depth, names)
      if (problem !== undefined) return problem
    }
    for (const [keyword, value] of Object.entries(schema)) {
      if (VALUES.has(keyword)) continue
      const isMap = MAPS_OF_SCHEMAS.has(keyword)
      const children =
        isObject(value) && !isMap
          ? [value]
          : typeof value === 'object' && value !== null
            ? Object.values(value)
            : []
      const below = keyword === 'properties' && depth !== undefined ? depth + 1 : undefined
      for (const child of children as readonly Json[]) {
        const problem = walk(child, below)
        if (problem !== undefined) return problem
      }
    }
    return undefined
  }
  return inputSchema === undefined ? undefined : walk(inputSchema, 0)
}

function checkUse(
  name: Json | undefined,
  type: Json | undefined,
  depth: number | undefined,
  names: Set<string>,
): string | undefined {
  if (typeof name !== 'string' || !TOKEN.test(name)) return `${KEYWORD} is not a header token`
  if (depth === undefined || depth === 0) return `${KEYWORD} is not on a property`
  if (depth > MAX_PATH) return `${KEYWORD} is nested deeper than ${MAX_PATH} properties`
  if (type !== 'string' && type !== 'integer' && type !== 'boolean') {
    return `${KEYWORD} is on something other than a string, integer or boolean`
  }
  if (names.has(name.toLowerCase())) return `two properties have the same ${KEYWORD}`
  names.add(name.toLowerCase())
  return names.size > MAX_HEADERS ? `there are more than ${MAX_HEADERS} ${KEYWORD}` : undefined
}
