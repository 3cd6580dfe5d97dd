import { isObject } from '../model/json.ts'

const MAX_DEPTH = 40
const MAX_NODES = 5000
const MAX_VALUES = 20_000

/** What a schema may cost: `light` ones take time in proportion to schema times input, the others need a time limit. */
export interface SchemaCost {
  readonly light: boolean
  readonly nodes: number
}

const LIGHT_NODES = 300

/** Formats whose expressions have nothing to backtrack over. */
const LIGHT_FORMATS = new Set(
  'date time date-time duration ipv4 uuid int32 int64 float double password binary'.split(' '),
)

/**
 * Walks a schema before a compiler sees it.
 * @returns its cost, or what is wrong with it
 */
export function measureSchema(schema: unknown): SchemaCost | string {
  let nodes = 0
  let values = 0
  let light = true
  const walk = (value: unknown, depth: number): string | undefined => {
    if (typeof value !== 'object' || value === null) return undefined
    if (depth > MAX_DEPTH) return `its schema is nested deeper than ${MAX_DEPTH} levels`
    if (++nodes > MAX_NODES) return `its schema has more than ${MAX_NODES} parts`
    const members = Array.isArray(value) ? value : Object.values(value)
    values += members.length
    if (values > MAX_VALUES) return `its schema has more than ${MAX_VALUES} values`
    if (isObject(value) && !isLight(value)) light = false
    for (const member of members) {
      const problem = walk(member, depth + 1)
      if (problem !== undefined) return problem
    }
    return undefined
  }
  const problem = walk(schema, 0)
  if (problem !== undefined) return problem
  return { light: light && nodes <= LIGHT_NODES && values <= LIGHT_NODES * 10, nodes }
}

/** Works for any object in a schema: taking a property's name for a keyword only makes the schema heavier. */
function isLight(schema: Readonly<Record<string, unknown>>): boolean {
  const { pattern, patternProperties, format, uniqueItems } = schema
  if ('$ref' in schema || '$dynamicRef' in schema || '$recursiveRef' in schema) return false
  if (uniqueItems !== undefined && uniqueItems !== false) return false
  if (typeof pattern === 'string' && !isPlainPattern(pattern)) return false
  if (typeof format === 'string' && !LIGHT_FORMATS.has(format)) return false
  return !isObject(patternProperties) || Object.keys(patternProperties).every(isPlainPattern)
}

/** Anchored, without groups or alternatives, and at most one quantifier that can vary: matched in linear time. */
export function isPlainPattern(pattern: string): boolean {
  if (!pattern.startsWith('^') || /[(|]/.test(pattern)) return false
  return (pattern.replace(/\{\d{1,4}\}/g, '').match(/[*+?{]/g) ?? []).length <= 1
}
