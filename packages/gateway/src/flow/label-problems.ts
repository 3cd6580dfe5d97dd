import type { Labels } from '../config/label-schema.ts'
import { isObject } from '../model/json.ts'
import { stepsOf } from './paths.ts'
import type { Definition } from './propose.ts'

/** Labels of one server that name a tool or an argument which it does not have: they do nothing, and what they were meant for has none. */
export function labelProblems(
  server: string,
  labels: Labels,
  definitions: readonly Pick<Definition, 'name' | 'inputSchema'>[],
): string[] {
  const known = new Map(definitions.map(({ name, inputSchema }) => [`${server}/${name}`, inputSchema]))
  return Object.entries(labels).flatMap(([tool, label]) => {
    if (!tool.startsWith(`${server}/`)) return []
    if (!known.has(tool)) return [`${tool}: the server offers no such tool`]
    const schema = known.get(tool)
    // A schema that lists no properties says nothing about which there are.
    if (!isObject(schema) || !isObject(schema.properties)) return []
    const properties = schema.properties
    return Object.keys(label.arguments).flatMap((path) => {
      const [first] = stepsOf(path)
      const isThere = typeof first !== 'object' || Object.hasOwn(properties, first.member)
      return isThere ? [] : [`${tool}: it has no argument ${path}`]
    })
  })
}
