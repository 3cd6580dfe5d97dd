import type { JsonObject } from '../model/json.ts'
import { compileArguments, SchemaUnusable } from './arguments.ts'
import { visible } from './drift.ts'

/** Something a person should look at before approving a definition. `high` needs an explicit decision against it. */
export interface Finding {
  readonly level: 'note' | 'high'
  readonly what: string
}

/** Phrases that speak to the model rather than describe a tool. Helps people look; decides nothing by itself. */
const INSTRUCTIONS = [
  /\b(ignore|disregard|forget)\b.{0,40}\b(previous|prior|above|earlier|other)\b/i,
  /\b(do not|don't|never)\b.{0,30}\b(tell|mention|inform|reveal|show)\b.{0,30}\b(user|person|human|anyone)\b/i,
  /<\/?(important|system|secret|instructions?)>/i,
  /\b(before|after|instead of) (using|calling|you (use|call))\b.{0,60}\b(tool|function)\b/i,
  /\b(read|send|include|attach|upload)\b.{0,60}(\.ssh|id_rsa|\.env|credentials|api.?key|password)/i,
]

const LONG_DESCRIPTION = 4000

export function findingsOf(definition: JsonObject): Finding[] {
  const text = JSON.stringify(definition)
  const findings: Finding[] = []
  const plain = strings(definition).join('\n')
  if (visible(plain) !== plain.replace(/\r|\t/g, (char) => visible(char))) {
    findings.push({ level: 'high', what: 'it holds invisible or control characters' })
  }
  for (const pattern of INSTRUCTIONS) {
    const match = pattern.exec(plain.slice(0, 50_000))
    if (match)
      findings.push({ level: 'high', what: `it speaks to the model: “${visible(match[0]).slice(0, 120)}”` })
  }
  if (text.length > LONG_DESCRIPTION * 4)
    findings.push({ level: 'note', what: `the definition is ${text.length} characters long` })
  const { description } = definition
  if (typeof description === 'string' && description.length > LONG_DESCRIPTION) {
    findings.push({ level: 'note', what: `the description is ${description.length} characters long` })
  }
  if (definition.annotations !== undefined) {
    findings.push({ level: 'note', what: 'its annotations are claims of the server and decide nothing' })
  }
  const unusable = schemaProblem(definition)
  if (unusable) findings.push({ level: 'high', what: unusable })
  return findings
}

/** Why the arguments of a tool cannot be validated; such a tool cannot be approved at all. */
export function schemaProblem(definition: JsonObject): string | undefined {
  if (definition.inputSchema === undefined) return undefined
  try {
    compileArguments(definition.inputSchema)
    return headerProblem(definition.inputSchema, new Set())
  } catch (error) {
    if (error instanceof SchemaUnusable) return error.message
    throw error
  }
}

/** `x-mcp-header` (SEP-2243) must be a token, unique, on a scalar reached through `properties` alone. */
function headerProblem(schema: unknown, names: Set<string>): string | undefined {
  const total = (JSON.stringify(schema).match(/"x-mcp-header":/g) ?? []).length
  let reached = 0
  const walk = (node: unknown): string | undefined => {
    if (typeof node !== 'object' || node === null) return undefined
    const { properties } = node as { properties?: Record<string, unknown> }
    for (const child of Object.values(properties ?? {})) {
      const { 'x-mcp-header': name, type } = (child ?? {}) as { 'x-mcp-header'?: unknown; type?: unknown }
      if (name !== undefined) {
        reached++
        const key = String(name).toLowerCase()
        if (typeof name !== 'string' || !/^[!#$%&'*+.^_`|~\w-]{1,100}$/.test(name))
          return 'an x-mcp-header is not a token'
        if (names.has(key)) return 'an x-mcp-header is used twice'
        if (type !== 'string' && type !== 'integer' && type !== 'boolean')
          return 'an x-mcp-header is not on a string, integer or boolean'
        names.add(key)
      }
      const problem = walk(child)
      if (problem) return problem
    }
    return undefined
  }
  return (
    walk(schema) ??
    (reached === total ? undefined : 'an x-mcp-header is not reached through properties alone')
  )
}

function strings(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, child]) => [key, ...strings(child)])
}
