import type { DetailedError, PolicyJson } from '@cedar-policy/cedar-wasm/nodejs'
import { policySetTextToParts, policyToJson } from '@cedar-policy/cedar-wasm/nodejs'

/** One policy and where it is written. */
export interface ParsedPolicy {
  readonly id: string
  readonly file: string
  readonly line: number
  readonly text: string
  readonly json: PolicyJson
}

/** Policies that cannot be used. Each problem names file, line, what is wrong and, where Cedar knows one, a remedy. */
export class PoliciesInvalid extends Error {
  override name = 'PoliciesInvalid'
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}

/** @throws PoliciesInvalid */
export function parsePolicies(files: readonly { path: string; text: string }[]): ParsedPolicy[] {
  const policies: ParsedPolicy[] = []
  const problems: string[] = []
  for (const { path, text } of files) {
    const parts = policySetTextToParts(text)
    if (parts.type === 'failure') {
      problems.push(...parts.errors.map((error) => describe(path, text, error)))
      continue
    }
    if (parts.policy_templates.length > 0) problems.push(`${path}: templates with slots are not supported`)
    let from = 0
    for (const part of parts.policies) {
      const at = text.indexOf(part, from)
      from = at + part.length
      const parsed = policyToJson(part)
      if (parsed.type === 'failure') {
        problems.push(...parsed.errors.map((error) => describe(path, text, error)))
        continue
      }
      const line = lineAt(text, at)
      const id = parsed.json.annotations?.id ?? `${path}:${line}`
      if (policies.some((policy) => policy.id === id))
        problems.push(`${path}:${line}: there are two policies with the id ${id}`)
      policies.push({ id, file: path, line, text: part, json: parsed.json })
    }
  }
  if (problems.length > 0) throw new PoliciesInvalid(problems)
  return policies
}

export const lineAt = (text: string, offset: number): number =>
  text.slice(0, Math.max(0, offset)).split('\n').length

export function describe(path: string, text: string, error: DetailedError, lineOffset = 0): string {
  const start = error.sourceLocations?.[0]?.start ?? 0
  const help = error.help ? ` (${error.help})` : ''
  return `${path}:${lineAt(text, start) + lineOffset}: ${error.message}${help}`
}

/** Ids of the actions a policy's scope names; undefined when it is about any action. */
export function actionsOf(policy: PolicyJson): readonly string[] | undefined {
  const { action } = policy
  if (action.op === 'All') return undefined
  const entities = 'entities' in action ? action.entities : 'entity' in action ? [action.entity] : []
  return entities.map((entity) => ('__entity' in entity ? entity.__entity.id : entity.id))
}

/** What a policy reads of `context`: names of inputs, or `all` when it cannot be told. */
export interface Reads {
  readonly context: boolean
  readonly inputs: ReadonlySet<string> | 'all'
}

export function readsOf(policy: PolicyJson): Reads {
  const inputs = new Set<string>()
  let context = false
  let all = false
  const walk = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return
    if (Array.isArray(node)) return node.forEach(walk)
    const access = (node as Record<string, unknown>)['.'] ?? (node as Record<string, unknown>).has
    const { left, attr } = (access ?? {}) as { left?: unknown; attr?: string | string[] }
    if (isInput(left)) {
      context = true
      inputs.add(Array.isArray(attr) ? (attr[0] as string) : (attr as string))
      return
    }
    if (isContext(left)) {
      context = true
      const path = Array.isArray(attr) ? attr : [attr as string]
      // `context has input.path` names the input at once; the bare record may be compared as a whole.
      if (path[0] === 'input' && path.length > 1) inputs.add(path[1] as string)
      else if (path[0] === 'input') all = true
      return
    }
    if ((node as { Var?: unknown }).Var === 'context') {
      context = true
      all = true
    }
    Object.values(node).forEach(walk)
  }
  walk(policy.conditions)
  return { context, inputs: all ? 'all' : inputs }
}

const isContext = (node: unknown): boolean => (node as { Var?: unknown } | undefined)?.Var === 'context'

const isInput = (node: unknown): boolean => {
  const access = (node as { '.'?: { left?: unknown; attr?: unknown } } | undefined)?.['.']
  return access?.attr === 'input' && isContext(access.left)
}
