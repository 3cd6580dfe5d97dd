import { z } from 'zod'
import { ConfigSchema } from './schema.ts'

/** ` (did you mean …?)` for a key that is nearly one that exists at the same place. */
export function suggest(key: string, path: readonly PropertyKey[]): string {
  if (key.length > 60) return ''
  const near = keysAt(path)
    .map((candidate) => ({ candidate, distance: distance(key, candidate) }))
    .filter(({ candidate, distance: d }) => d <= Math.max(1, Math.floor(candidate.length / 3)))
    .sort((a, b) => a.distance - b.distance)[0]
  return near ? ` (did you mean \`${near.candidate}\`?)` : ''
}

type JsonSchema = {
  properties?: Record<string, JsonSchema>
  additionalProperties?: JsonSchema
  items?: JsonSchema
  anyOf?: JsonSchema[]
}

function keysAt(path: readonly PropertyKey[]): string[] {
  let nodes: JsonSchema[] = [z.toJSONSchema(ConfigSchema, { io: 'input' }) as JsonSchema]
  const open = (list: JsonSchema[]): JsonSchema[] => list.flatMap((node) => [node, ...open(node.anyOf ?? [])])
  for (const key of path) {
    nodes = open(nodes).flatMap((node) => {
      const child =
        typeof key === 'number' ? node.items : (node.properties?.[String(key)] ?? node.additionalProperties)
      return child ? [child] : []
    })
  }
  return [...new Set(open(nodes).flatMap((node) => Object.keys(node.properties ?? {})))]
}

/** Edits between two words: a character more, less, or other, or two neighbours swapped (optimal string alignment). */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, i) => i)]
  const at = (i: number, j: number) => rows[i]?.[j] as number
  for (let i = 1; i <= a.length; i++) {
    rows.push([i])
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      let best = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + cost)
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (isSwap) best = Math.min(best, at(i - 2, j - 2) + 1)
      rows[i]?.push(best)
    }
  }
  return at(a.length, b.length)
}
