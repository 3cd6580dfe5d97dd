import type { PolicyJson } from '@cedar-policy/cedar-wasm/nodejs'
import { validate } from '@cedar-policy/cedar-wasm/nodejs'
import type { ParsedPolicy } from './parse.ts'
import { actionsOf, describe, PoliciesInvalid } from './parse.ts'
import { readsOf } from './reads.ts'
import type { InputType, PolicyTool } from './schema.ts'
import { actionId, cedarSchema, FIXED_ACTIONS, GROUPS, inputTypes } from './schema.ts'

export interface Validated {
  /** Policies that can match, their scope reduced to actions that exist. */
  readonly live: readonly ParsedPolicy[]
  /** Policies about tools and prompts that are not approved (yet): they cannot match anything. */
  readonly dormant: readonly ParsedPolicy[]
  /** `file:line: message` about policies that are valid and can never hold with the tools of now. */
  readonly warnings: readonly string[]
}

/**
 * Checks policies against the present registry: Cedar's strict validation, and what it lets pass although it is a typo.
 * @throws PoliciesInvalid
 */
export function validatePolicies(policies: readonly ParsedPolicy[], tools: readonly PolicyTool[]): Validated {
  const inputs = new Map(FIXED_ACTIONS)
  for (const tool of tools) inputs.set(actionId(tool), inputTypes(tool.inputSchema))
  const isKnown = (id: string) => inputs.has(id) || GROUPS.has(id)

  const dormant = policies.filter((policy) => actionsOf(policy.json)?.every((id) => !isKnown(id)))
  const live = policies.filter((policy) => !dormant.includes(policy))
  const scoped = live.map((policy) => withActions(policy, isKnown))
  const problems = policies
    .flatMap(unknownGroups)
    .concat(live.flatMap((policy) => unknownInputs(policy, inputs)))
  const answer = validate({
    validationSettings: { mode: 'strict' },
    schema: cedarSchema(tools),
    // Text where it is unchanged, because then errors have a place.
    policies: {
      staticPolicies: Object.fromEntries(
        scoped.map((policy, i) => [policy.id, policy === live[i] ? policy.text : policy.json]),
      ),
    },
  })
  if (answer.type === 'failure') throw new PoliciesInvalid(answer.errors.map((error) => error.message))
  const byId = new Map(scoped.map((policy) => [policy.id, policy]))
  const place = ({ policyId, error }: (typeof answer.validationErrors)[number]): string => {
    const policy = byId.get(policyId)
    return policy ? describe(policy.file, policy.text, error, policy.line) : error.message
  }
  problems.push(...answer.validationErrors.map(place))
  if (problems.length > 0) throw new PoliciesInvalid(problems)
  return { live: scoped, dormant, warnings: answer.validationWarnings.map(place) }
}

/** An action without a slash is a group or a fixed name, so one that is not there is a typo, not a tool still to come. */
function unknownGroups(policy: ParsedPolicy): string[] {
  const fixed = [...GROUPS, ...FIXED_ACTIONS.keys()]
  return (actionsOf(policy.json) ?? [])
    .filter((id) => !id.includes('/') && !fixed.includes(id))
    .map(
      (id) =>
        `${policy.file}:${policy.line}: there is no action "${id}" (use server/tool, or one of ${fixed.join(', ')})`,
    )
}

/**
 * `context.input has amuont && …` is valid Cedar and never true: a `forbid` with such a typo forbids nothing. Where a policy names its
 * actions, each input it reads must exist in one of them.
 */
function unknownInputs(
  policy: ParsedPolicy,
  inputs: ReadonlyMap<string, ReadonlyMap<string, InputType>>,
): string[] {
  const ids = actionsOf(policy.json)
  const reads = readsOf(policy.json)
  // With a tool still to come in the list, the input may be that one's.
  if (reads === 'all' || !ids?.every((id) => inputs.has(id))) return []
  const known = new Set(ids.flatMap((id) => [...(inputs.get(id)?.keys() ?? [])]))
  return [...reads]
    .filter((name) => !known.has(name))
    .map(
      (name) =>
        `${policy.file}:${policy.line}: ${ids.join(', ')} has no input "${name}" that policies can read (${known.size > 0 ? `there is ${[...known].join(', ')}` : 'it has none'})`,
    )
}

/** A list of actions keeps those that exist; validation would refuse the whole policy for one that does not yet. */
function withActions(policy: ParsedPolicy, isKnown: (id: string) => boolean): ParsedPolicy {
  const { action } = policy.json
  if (!('entities' in action)) return policy
  const entities = action.entities.filter((entity) =>
    isKnown('__entity' in entity ? entity.__entity.id : entity.id),
  )
  if (entities.length === action.entities.length) return policy
  const json: PolicyJson = { ...policy.json, action: { op: 'in', entities } }
  return { ...policy, json }
}
