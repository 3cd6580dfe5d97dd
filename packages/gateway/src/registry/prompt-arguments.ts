import type { Json, JsonObject } from '../model/json.ts'
import { isObject } from '../model/json.ts'
import type { Validator } from './arguments.ts'
import { SchemaUnusable } from './arguments.ts'

/**
 * Prompts declare their arguments by name, and values are text (MCP, prompts/get).
 * @throws SchemaUnusable
 */
export function compilePromptArguments(definition: JsonObject): Validator {
  const declared = Array.isArray(definition.arguments) ? (definition.arguments as readonly Json[]) : []
  const required = new Map<string, boolean>()
  for (const argument of declared) {
    if (!isObject(argument) || typeof argument.name !== 'string') {
      throw new SchemaUnusable('one of its arguments has no name')
    }
    required.set(argument.name, argument.required === true)
  }
  return (args = {}) => {
    for (const [name, isRequired] of required) {
      if (isRequired && !Object.hasOwn(args, name))
        return `/ must have required property '${name}' (required)`
    }
    for (const [name, value] of Object.entries(args)) {
      if (!required.has(name)) return '/ must not have undeclared arguments (additionalProperties)'
      if (typeof value !== 'string') return `/${name} must be string (type)`
    }
    return undefined
  }
}
