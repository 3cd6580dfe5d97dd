import type { Found } from '../audit/questions/asked.ts'
import type { PolicyFile } from '../grants/policy/parse.ts'
import { PoliciesInvalid } from '../grants/policy/parse.ts'
import { PolicyEngine } from '../grants/policy/policy.ts'
import type { PolicyFlow, PolicyRequest } from '../grants/policy/request.ts'
import type { PolicyTool } from '../grants/policy/schema.ts'
import type { ActionKind } from '../model/action.ts'
import type { JsonObject } from '../model/json.ts'
import { isObject } from '../model/json.ts'
import { nextStep, sentence } from '../model/reasons.ts'
import { refuse } from '../model/refusal.ts'
import type { Task } from '../model/task.ts'
import type { Placement } from '../segments/segments.ts'
import { CLIENT_METHODS } from './transports/mcp/methods.ts'

/** For so long, then everybody else gets a turn: one call takes a tenth of a second where a draft has thousands of policies. */
const TURN_MS = 10
const JUDGED: ReadonlySet<ActionKind> = new Set(['tool', 'prompt', 'resource', 'complete', 'model'])
const EFFECTS: ReadonlySet<string> = new Set(['read', 'write', 'egress', 'destructive'])

/** A past call and what is known of it. */
export interface PastCall {
  readonly found: Found
  readonly data: JsonObject
  readonly agent: { readonly name: string; readonly sponsor: string } | undefined
  readonly task: Task | undefined
  /** Opens what was sealed of it; undefined when nothing was kept, or it was erased. Asked only where the draft reads it. */
  content(): Promise<JsonObject | undefined>
}

export interface Changed {
  readonly call: Found
  readonly was: 'allowed' | 'denied'
  readonly would_be: 'allowed' | 'denied'
  readonly code?: string
  readonly why?: string
  /** Policies of the draft that decide: file and line. */
  readonly policies: readonly { readonly id: string; readonly file: string; readonly line: number }[]
}

export interface PolicyDiff {
  readonly judged: number
  readonly same: number
  readonly changed: readonly Changed[]
  readonly undecided: readonly { readonly call: Found; readonly why: string }[]
  /** How many of the calls had their arguments opened. */
  readonly opened: number
}

export interface DiffDeps {
  readonly files: readonly PolicyFile[]
  readonly tools: readonly PolicyTool[]
  readonly placement: Placement
  /** Monotonic milliseconds; tests give their own. */
  now?(): number
}

/**
 * Puts past calls before draft policies, with the registry, segments and agents of today. What the log does not say is not guessed: such a
 * call is undecided.
 * @throws Refusal POLICY_DRAFT_INVALID with file and line
 */
export async function diffPolicies(deps: DiffDeps, calls: readonly PastCall[]): Promise<PolicyDiff> {
  const { now = () => performance.now() } = deps
  const engine = draftEngine(deps)
  try {
    const changed: Changed[] = []
    const undecided: { call: Found; why: string }[] = []
    let opened = 0
    let turn = now()
    for (const call of calls) {
      if (now() - turn > TURN_MS) {
        await new Promise((next) => setImmediate(next))
        turn = now()
      }
      const request = await requestOf(call, engine, deps.placement)
      if (typeof request === 'string') {
        undecided.push({ call: call.found, why: request })
        continue
      }
      if (request.hasOpened) opened++
      const { decision, determining } = engine.explain(request)
      const was = call.found.type === 'call.intent' ? 'allowed' : 'denied'
      const would_be = decision.verdict.kind === 'allow' ? 'allowed' : 'denied'
      if (was === would_be) continue
      const [reason] = decision.reasons
      changed.push({
        call: call.found,
        was,
        would_be,
        ...(reason === undefined
          ? {}
          : { code: reason.code, why: `${sentence(reason)} ${nextStep(reason)}` }),
        policies: determining.map(({ id, file, line }) => ({ id, file, line })),
      })
    }
    const judged = calls.length - undecided.length
    return { judged, same: judged - changed.length, changed, undecided, opened }
  } finally {
    engine.dispose()
  }
}

function draftEngine({ files, tools }: DiffDeps): PolicyEngine {
  try {
    return new PolicyEngine({ files, tools })
  } catch (error) {
    if (!(error instanceof PoliciesInvalid)) throw error
    return refuse('POLICY_DRAFT_INVALID', { problems: error.problems.join('; ').slice(0, 1000) })
  }
}

/** The request as it was, or why it cannot be put. */
async function requestOf(
  { data, agent, task, content }: PastCall,
  engine: PolicyEngine,
  placement: Placement,
): Promise<(PolicyRequest & { hasOpened: boolean }) | string> {
  if (!agent) return 'its agent is not known any more'
  if (!task) return 'its task is not known any more'
  const kind = kindOf(data)
  const action = {
    server: String(data.server),
    kind,
    name: typeof data.name === 'string' ? data.name : undefined,
    args: undefined,
    era: data.era === 'legacy' ? ('legacy' as const) : ('modern' as const),
  }
  const needs = engine.needs(action)
  if (!needs) return 'the registry does not have its tool any more'
  const opened = needs.inputs ? await content() : undefined
  const args = kind === 'resource' ? undefined : wholeArguments(opened)
  const uri = typeof opened?.name === 'string' ? opened.name : undefined
  if (needs.inputs && args === undefined && uri === undefined)
    return 'undecidable without its arguments: they were not kept whole, or they were erased'
  const flow = flowOf(data)
  if (needs.flow && flow === undefined)
    return 'undecidable without what its task had seen: the entry does not say'
  return {
    principal: { agent: task.agent, agentName: agent.name, sponsor: agent.sponsor },
    task,
    agentSegment: placement.segmentOfAgent(agent.name) ?? '',
    serverSegment: placement.segmentOfServer(action.server) ?? '',
    action: { ...action, args, ...(uri === undefined ? {} : { name: uri }) },
    ...(flow === undefined ? {} : { flow }),
    hasOpened: opened !== undefined,
  }
}

/** Undefined when some were left out because they were too large: what is missing could be what a policy reads. */
function wholeArguments(content: JsonObject | undefined): JsonObject | undefined {
  const args = content?.arguments
  return isObject(args) && !Object.hasOwn(args, 'ostiary:omitted_bytes') ? args : undefined
}

const kindOf = ({ protocol, method }: JsonObject): ActionKind =>
  protocol === 'llm' ? 'model' : (CLIENT_METHODS.get(String(method))?.kind ?? 'control')

/** Whether policies are asked about such a call at all. */
export const isJudged = (data: JsonObject): boolean => JUDGED.has(kindOf(data))

function flowOf({ flow, flow_state: state }: JsonObject): PolicyFlow | undefined {
  if (!isObject(state) || !Array.isArray(state.has) || !EFFECTS.has(String(state.effect))) return undefined
  const problems = isObject(flow) && Array.isArray(flow.problems) ? flow.problems : []
  const { has } = state
  return {
    effect: state.effect as PolicyFlow['effect'],
    hasRequest: has.includes('request'),
    holdsUntrusted: has.includes('untrusted'),
    holdsConfidential: has.includes('confidential'),
    isHostile: has.includes('hostile'),
    problems: [...new Set(problems.flatMap((one) => (isObject(one) ? String(one.code) : [])))].sort(),
  }
}
