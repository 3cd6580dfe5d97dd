import type { DetailedError, PolicyJson } from '@cedar-policy/cedar-wasm/nodejs'
import { policySetTextToParts, policyToJson } from '@cedar-policy/cedar-wasm/nodejs'
import { isTooDeep, tooDeepAt } from './nesting.ts'
import { statements } from './statements.ts'

export interface PolicyFile {
  readonly path: string
  readonly text: string
}

/** One policy and where it is written. `id` is its `@id`, or `file:line` when it has none. */
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
export function parsePolicies(files: readonly PolicyFile[]): ParsedPolicy[] {
  const policies = new Map<string, ParsedPolicy>()
  const problems: string[] = []
  for (const { path, text } of files) {
    const deep = tooDeepAt(text)
    if (deep !== undefined) {
      problems.push(tooDeep(path, 1 + linesIn(text.slice(0, deep))))
      continue
    }
    const parts = policySetTextToParts(text)
    if (parts.type === 'failure') {
      problems.push(...parts.errors.map((error) => describe(path, text, error)))
      continue
    }
    if (parts.policy_templates.length > 0) problems.push(`${path}: templates with slots are not supported`)
    const found = statements(text)
    if (found.length !== parts.policies.length + parts.policy_templates.length) {
      problems.push(`${path}: the file cannot be cut into its ${parts.policies.length} policies`)
      continue
    }
    let line = 1
    let counted = 0
    for (const statement of found) {
      line += linesIn(text.slice(counted, statement.at))
      counted = statement.at
      const parsed = policyToJson(statement.text)
      // A template is no policy; it has been reported already.
      if (parsed.type === 'failure') continue
      if (isTooDeep(parsed.json)) problems.push(tooDeep(path, line))
      const id = parsed.json.annotations?.id ?? `${path}:${line}`
      const other = policies.get(id)
      if (other) problems.push(`${path}:${line}: the id ${id} is taken by ${other.file}:${other.line}`)
      if (!/^[^\p{Cc}]{1,200}$/u.test(id)) {
        problems.push(`${path}:${line}: an id has 1 to 200 characters on one line`)
      }
      policies.set(id, { id, file: path, line, text: statement.text, json: parsed.json })
    }
  }
  if (problems.length > 0) throw new PoliciesInvalid(problems)
  return [...policies.values()]
}

const tooDeep = (path: string, line: number): string =>
  `${path}:${line}: the policy goes deeper than can be read; write it as several policies`

const linesIn = (text: string): number => text.split('\n').length - 1

/** `file:line: message (help)`. Cedar counts its places in bytes; `firstLine` is where `text` starts in the file. */
export function describe(path: string, text: string, error: DetailedError, firstLine = 1): string {
  const before = Buffer.from(text).subarray(0, error.sourceLocations?.[0]?.start ?? 0)
  const line = firstLine + linesIn(before.toString('utf8'))
  return `${path}:${line}: ${error.message}${error.help ? ` (${error.help})` : ''}`
}

/** Ids of the actions a policy's scope names; undefined when it is about any action. */
export function actionsOf(policy: PolicyJson): readonly string[] | undefined {
  const { action } = policy
  if (action.op === 'All') return undefined
  const entities = 'entities' in action ? action.entities : 'entity' in action ? [action.entity] : []
  return entities.map((entity) => ('__entity' in entity ? entity.__entity.id : entity.id))
}
