import type { AuthorizationAnswer } from '@cedar-policy/cedar-wasm/nodejs'
import { preparsePolicySet, preparseSchema, statefulIsAuthorized } from '@cedar-policy/cedar-wasm/nodejs'
import type { Decision } from '../../model/decision.ts'
import { ALLOW, deny } from '../../model/decision.ts'
import { reason } from '../../model/reasons.ts'
import type { ParsedPolicy, PolicyFile } from './parse.ts'
import { actionsOf, PoliciesInvalid, parsePolicies } from './parse.ts'
import type { Reads } from './reads.ts'
import { joinReads, readsFlow, readsOf } from './reads.ts'
import type { PolicyRequest } from './request.ts'
import { cedarAction, cedarInput, cedarRequest, Unrepresentable } from './request.ts'
import type { InputType, PolicyTool } from './schema.ts'
import { actionId, cedarSchema, FIXED_ACTIONS, inputTypes } from './schema.ts'
import { giveSlot, takeSlot } from './slots.ts'
import { validatePolicies } from './validate.ts'

/** Without policy files: what the grant covers is permitted. The grant has narrowed it already. */
const BASE = {
  path: 'built-in',
  text: '@id("base")\n@reason("The grant covers the call, and no policy file is configured.")\npermit (principal, action in Action::"call", resource);',
}

const SLICE_GROUPS = { tool: ['tool', 'call'], prompt: ['prompt', 'call'], other: ['call'] } as const
const MAX_CACHED = 10_000

/** The policies that can decide about one action. */
interface Slice {
  readonly slot: string
  readonly policies: readonly ParsedPolicy[]
  readonly reads: Reads
  readonly readsFlow: boolean
  readonly types: ReadonlyMap<string, InputType>
}

export interface Explanation {
  readonly decision: Decision
  /** The policies that decided: a forbid, or the permits. */
  readonly determining: readonly ParsedPolicy[]
  /** Permits for this action whose conditions did not hold; empty when one did. */
  readonly couldPermit: readonly ParsedPolicy[]
}

/**
 * Cedar over the present registry: forbid overrides permit, nothing is permitted by default, any evaluation error is a denial.
 * Immutable; a change of policies or registry makes a new one. `dispose` gives its place in Cedar's cache, which never shrinks, back.
 */
export class PolicyEngine {
  readonly #slices = new Map<string, Slice>()
  readonly #schema: string
  readonly #cache = new Map<string, Decision>()
  /** Policies about tools and prompts the registry does not know; they cannot match anything. */
  readonly dormant: readonly ParsedPolicy[]
  /** `file:line: message` about policies that are valid and can never hold. */
  readonly warnings: readonly string[]

  /** @throws PoliciesInvalid when a policy does not parse or fails strict validation */
  constructor(input: { files: readonly PolicyFile[]; tools: readonly PolicyTool[] }) {
    const all = parsePolicies(input.files.length > 0 ? input.files : [BASE])
    const { live, dormant, warnings } = validatePolicies(all, input.tools)
    this.dormant = dormant
    this.warnings = warnings
    const schema = cedarSchema(input.tools)
    this.#schema = takeSlot()
    must(preparseSchema(this.#schema, schema))
    const add = (action: string, kind: keyof typeof SLICE_GROUPS, types: ReadonlyMap<string, InputType>) =>
      this.#slices.set(action, slice(action, kind, live, types))
    for (const tool of input.tools) add(actionId(tool), tool.kind, inputTypes(tool.inputSchema))
    for (const action of FIXED_ACTIONS.keys()) add(action, 'other', new Map())
  }

  decide(request: PolicyRequest): Decision {
    const slice = this.#slices.get(cedarAction(request.action))
    if (!slice) return deny(reason('POLICY_ERROR', { detail: 'the action is not in the policy schema' }))
    let input: ReturnType<typeof cedarInput>
    try {
      input = cedarInput(request.action, slice.types, slice.reads)
    } catch (error) {
      if (error instanceof Unrepresentable) return deny(reason('POLICY_ERROR', { detail: error.message }))
      throw error
    }
    const key = cacheKey(request, input)
    const cached = this.#cache.get(key)
    if (cached) return cached
    const { decision } = this.#evaluate(slice, request, input)
    if (this.#cache.size >= MAX_CACHED) this.#cache.delete(this.#cache.keys().next().value as string)
    if (key.length < 4096) this.#cache.set(key, decision)
    return decision
  }

  explain(request: PolicyRequest): Explanation {
    const decision = this.decide(request)
    const slice = this.#slices.get(cedarAction(request.action))
    if (!slice || decision.reasons[0]?.code === 'POLICY_ERROR')
      return { decision, determining: [], couldPermit: [] }
    const input = cedarInput(request.action, slice.types, slice.reads)
    const { ids } = this.#evaluate(slice, request, input)
    const determining = slice.policies.filter((policy) => ids.includes(policy.id))
    const couldPermit =
      decision.verdict.kind === 'deny' && determining.length === 0 ? slice.policies.filter(isPermit) : []
    return { decision, determining, couldPermit }
  }

  /** What has to be known of a call beside who, where and what for; undefined when no policy could speak of such an action. */
  needs(action: PolicyRequest['action']): { readonly inputs: boolean; readonly flow: boolean } | undefined {
    const slice = this.#slices.get(cedarAction(action))
    if (!slice) return undefined
    // The name of a model stands in the entry itself.
    const isReadable = action.kind !== 'model' && (slice.types.size > 0 || action.kind === 'resource')
    return {
      inputs: isReadable && (slice.reads === 'all' || slice.reads.size > 0),
      flow: slice.readsFlow,
    }
  }

  dispose(): void {
    giveSlot(this.#schema)
    for (const { slot } of this.#slices.values()) giveSlot(slot)
    this.#slices.clear()
  }

  #evaluate(
    slice: Slice,
    request: PolicyRequest,
    input: ReturnType<typeof cedarInput>,
  ): { decision: Decision; ids: readonly string[] } {
    const answer: AuthorizationAnswer = statefulIsAuthorized({
      ...cedarRequest(request, input),
      preparsedSchemaName: this.#schema,
      validateRequest: true,
      preparsedPolicySetId: slice.slot,
    })
    if (answer.type === 'failure')
      return {
        decision: deny(reason('POLICY_ERROR', { detail: 'the request does not fit the schema' })),
        ids: [],
      }
    const { decision, diagnostics } = answer.response
    // Cedar skips a policy that fails to evaluate, a forbid too; here that is a denial.
    if (diagnostics.errors.length > 0)
      return { decision: deny(reason('POLICY_ERROR', { detail: 'a policy failed to evaluate' })), ids: [] }
    if (decision === 'allow') return { decision: ALLOW, ids: diagnostics.reason }
    const why =
      diagnostics.reason.length > 0
        ? reason('POLICY_FORBIDDEN', {
            policies: diagnostics.reason.join(', ').slice(0, 300),
            action: `${request.action.server}/${request.action.name ?? ''}`.slice(0, 200),
          })
        : reason('POLICY_NOT_PERMITTED', {
            action: `${request.action.server}/${request.action.name ?? ''}`.slice(0, 200),
          })
    return { decision: deny(why), ids: diagnostics.reason }
  }
}

const isPermit = (policy: ParsedPolicy): boolean => policy.json.effect === 'permit'

/** All that a decision depends on: nothing else is put before Cedar. */
const cacheKey = (r: PolicyRequest, input: object): string =>
  JSON.stringify([
    r.principal.agentName,
    r.principal.sponsor,
    r.agentSegment,
    r.serverSegment,
    r.task.id,
    r.task.template,
    r.task.purpose,
    r.task.onBehalfOf,
    r.task.subject ?? null,
    r.action.server,
    cedarAction(r.action),
    r.action.era,
    r.flow ?? null,
    input,
  ])

/** A policy about unconstrained actions belongs to every slice; only then is slicing sound. */
function slice(
  action: string,
  kind: keyof typeof SLICE_GROUPS,
  all: readonly ParsedPolicy[],
  types: ReadonlyMap<string, InputType>,
): Slice {
  const ids: readonly string[] = [action, ...SLICE_GROUPS[kind]]
  const policies = all.filter((policy) => actionsOf(policy.json)?.some((id) => ids.includes(id)) ?? true)
  const slot = takeSlot()
  must(
    preparsePolicySet(slot, {
      staticPolicies: Object.fromEntries(policies.map((policy) => [policy.id, policy.json])),
    }),
  )
  return {
    slot,
    policies,
    types,
    reads: joinReads(policies.map((policy) => readsOf(policy.json))),
    readsFlow: policies.some((policy) => readsFlow(policy.json)),
  }
}

function must(
  answer: { type: 'success' } | { type: 'failure'; errors: readonly { message: string }[] },
): void {
  if (answer.type === 'failure') throw new PoliciesInvalid(answer.errors.map((error) => error.message))
}
