import type { AnySchemaObject, ErrorObject, Format, Options, ValidateFunction } from 'ajv'
import { Ajv } from 'ajv'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { fullFormats } from 'ajv-formats/dist/formats.js'
import type { Json, JsonObject } from '../model/json.ts'
import { isObject } from '../model/json.ts'
import { measureSchema } from './schema-bounds.ts'
import { TooSlow, withinTime } from './time-limit.ts'

/** Checks the arguments of a call; absent ones count as `{}`. Returns what is wrong, naming rules and never values. */
export type Validator = (args: JsonObject | undefined) => string | undefined

/** The definition cannot be checked against, so it cannot be approved. */
export class SchemaUnusable extends Error {
  override name = 'SchemaUnusable'
}

const COMPILE_MS = 2000
/** For one call, when the schema has rules that are not linear, such as patterns that backtrack. */
const VALIDATE_MS = 100
/** Longer strings fail a `format` unread. */
const MAX_FORMATTED = 8192
const DIALECTS = {
  'https://json-schema.org/draft/2020-12/schema': Ajv2020,
  'https://json-schema.org/draft/2019-09/schema': Ajv2019,
  'http://json-schema.org/draft-07/schema': Ajv,
  'http://json-schema.org/draft-06/schema': Ajv,
} as const
const DEFAULT_DIALECT = 'https://json-schema.org/draft/2020-12/schema'

/** Patterns are read as Unicode ones, as JSON Schema wants, or as plain ones where their author relied on that. */
const regExp = Object.assign(
  (pattern: string, flags: string) => {
    try {
      return new RegExp(pattern, flags)
    } catch {
      return new RegExp(pattern)
    }
  },
  { code: 'undefined' },
)

const OPTIONS: Options = {
  strict: false,
  logger: false,
  meta: false,
  validateSchema: false,
  // Inlined references could make a small schema into a huge function.
  inlineRefs: false,
  ownProperties: true,
  loopEnum: 20,
  loopRequired: 20,
  code: { regExp },
  formats: Object.fromEntries(Object.entries(fullFormats).map(([name, format]) => [name, shortOnly(format)])),
}

/**
 * Compiles the pinned input schema of a tool. References to the network are never followed.
 * @throws SchemaUnusable
 */
export function compileArguments(schema: Json): Validator {
  if (!isObject(schema)) throw new SchemaUnusable('its inputSchema is not an object')
  const cost = measureSchema(schema)
  if (typeof cost === 'string') throw new SchemaUnusable(cost)
  const validate = compile(schema)
  const known = propertyNames(schema)
  return (args = {}) => {
    try {
      const passes = cost.light ? validate(args) : withinTime(VALIDATE_MS, () => validate(args))
      return passes === true ? undefined : describe(validate.errors?.[0], known)
    } catch (error) {
      if (error instanceof TooSlow) return `checking them takes longer than ${VALIDATE_MS} ms`
      if (error instanceof RangeError) return 'they are nested too deep for it'
      throw error
    }
  }
}

function compile(schema: JsonObject): ValidateFunction {
  const named = typeof schema.$schema === 'string' ? schema.$schema.replace(/#$/, '') : DEFAULT_DIALECT
  const Dialect = Object.hasOwn(DIALECTS, named) ? DIALECTS[named as keyof typeof DIALECTS] : undefined
  if (!Dialect) throw new SchemaUnusable('its schema is written in a dialect that is not supported')
  // `$schema` has been obeyed; the compiler has no network and no other schema to find.
  const { $schema: _, ...rest } = schema
  try {
    return withinTime(COMPILE_MS, () => {
      const rules = metaSchema(Dialect)
      if (rules.validateSchema(rest) !== true) {
        throw new SchemaUnusable(`its schema is invalid: ${rules.errorsText(rules.errors).slice(0, 200)}`)
      }
      // A compiler of its own for each: identifiers in one server's schema must not be seen by another's.
      const validate = new Dialect(OPTIONS).compile(rest as AnySchemaObject)
      if ('$async' in validate) throw new SchemaUnusable('its schema is asynchronous')
      return validate
    })
  } catch (error) {
    if (error instanceof SchemaUnusable) throw error
    if (error instanceof TooSlow) throw new SchemaUnusable('its schema takes too long to compile')
    const detail = (error as Error).message.slice(0, 200)
    throw new SchemaUnusable(`its schema cannot be compiled: ${detail}`)
  }
}

const metaSchemas = new Map<unknown, Ajv>()

/** Only asks whether a schema is one; keeps nothing of it. */
function metaSchema(Dialect: (typeof DIALECTS)[keyof typeof DIALECTS]): Ajv {
  const known = metaSchemas.get(Dialect)
  if (known) return known
  const fresh = new Dialect({ strict: false, logger: false })
  metaSchemas.set(Dialect, fresh)
  return fresh
}

/** The pointer shows only names that the schema itself has: other keys are data of the call. */
function describe(error: ErrorObject | undefined, known: ReadonlySet<string>): string {
  if (!error) return 'they do not match'
  const pointer = error.instancePath
    .split('/')
    .map((part) => (/^\d*$/.test(part) || known.has(unescapePart(part)) ? part : '*'))
    .join('/')
  return `${pointer.slice(0, 100) || '/'} ${(error.message ?? 'does not match').slice(0, 120)} (${error.keyword})`
}

const unescapePart = (part: string): string => part.replaceAll('~1', '/').replaceAll('~0', '~')

function propertyNames(schema: Json | undefined, names = new Set<string>()): ReadonlySet<string> {
  if (Array.isArray(schema)) for (const part of schema as readonly Json[]) propertyNames(part, names)
  else if (isObject(schema)) {
    if (isObject(schema.properties)) for (const name of Object.keys(schema.properties)) names.add(name)
    for (const part of Object.values(schema)) propertyNames(part, names)
  }
  return names
}

/** The same format for strings up to {@link MAX_FORMATTED}; longer ones do not match. Number formats stay. */
function shortOnly(format: Format): Format {
  const rule = typeof format === 'object' && !(format instanceof RegExp) ? format.validate : format
  if (rule instanceof RegExp) return (text: string) => text.length <= MAX_FORMATTED && rule.test(text)
  if (typeof rule !== 'function' || (typeof format === 'object' && 'type' in format)) return format
  const test = rule as (text: string) => unknown
  return (text: string) => text.length <= MAX_FORMATTED && test(text) === true
}
