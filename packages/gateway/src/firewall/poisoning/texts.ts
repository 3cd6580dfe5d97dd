import type { Json } from '../../model/json.ts'
import { isObject } from '../../model/json.ts'

/** One text of a definition. `value`: a default, an example or an allowed value, which a model copies. */
export interface DefinitionText {
  readonly path: string
  readonly text: string
  readonly role: 'prose' | 'value' | 'key'
}

const VALUES = new Set(['default', 'const', 'examples', 'enum'])

/** Every text in a definition, with member names: those reach the model too. */
export function* textsIn(
  value: Json,
  path = '',
  role: 'prose' | 'value' = 'prose',
): Generator<DefinitionText> {
  if (typeof value === 'string') yield { path, text: value, role }
  else if (Array.isArray(value)) {
    for (const [at, item] of (value as readonly Json[]).entries()) yield* textsIn(item, `${path}.${at}`, role)
  } else if (isObject(value)) {
    for (const [key, member] of Object.entries(value)) {
      const below = path === '' ? key : `${path}.${key}`
      yield { path: `${below} (its name)`, text: key, role: 'key' }
      // Below `properties` a name such as `default` is an argument of that name.
      const isValue = role === 'value' || (VALUES.has(key) && !path.endsWith('properties'))
      yield* textsIn(member, below, isValue ? 'value' : 'prose')
    }
  }
}
