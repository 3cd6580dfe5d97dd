import type { TaskTemplate } from '../config/schema.ts'
import { compileGrant } from '../grants/compile.ts'
import type { PolicyEngine } from '../grants/policy/policy.ts'
import { detailsOf, mayOpen } from '../grants/templates.ts'
import type { Action } from '../model/action.ts'
import type { JsonObject } from '../model/json.ts'
import type { Reason } from '../model/reasons.ts'
import { nextStep, sentence } from '../model/reasons.ts'
import { refuse } from '../model/refusal.ts'
import type { Task } from '../model/task.ts'
import type { ToolView } from '../registry/tools.ts'
import { check } from '../registry/vetting.ts'
import type { Placement } from '../segments/segments.ts'

/** Stands for the subject that a real task would name. */
const ANY_SUBJECT = 'the subject of the task'

const NO_TERMS = {
  budget: {},
  subjectArguments: [],
  costs: {},
  delegable: 0,
  delegates: [],
  parent: undefined,
  expiresAt: 0,
} as const

export interface ExplainedPolicy {
  readonly id: string
  readonly file: string
  readonly line: number
  readonly text: string
  /** The policy's own `@reason` or `@advice`, for people. */
  readonly advice?: string
}

/** Why a call would be allowed or denied, stage by stage. */
export interface Explanation {
  readonly verdict: 'allow' | 'deny'
  readonly steps: readonly { stage: string; ok: boolean; code?: string; reason?: string; next?: string }[]
  readonly determining: readonly ExplainedPolicy[]
  /** Permits whose conditions did not hold; one of them would have allowed it. */
  readonly could_permit: readonly ExplainedPolicy[]
}

export interface ExplainDeps {
  readonly agent: { readonly id: string; readonly name: string; readonly sponsor: string }
  readonly templateName: string
  readonly template: TaskTemplate | undefined
  /** `server/tool`, `server/prompt:name`, or `provider/model`. */
  readonly tool: string
  readonly args: JsonObject
  readonly placement: Placement
  readonly engine: PolicyEngine
  views(server: string): ReadonlyMap<string, ToolView>
  /** A provider of models. */
  isProvider(server: string): boolean
}

/** Runs the deciding stages 4 to 8 on a call that is not made, all of them, so that a person sees everything that stands against it. */
export function explainCall(d: ExplainDeps): Explanation {
  const at = d.tool.indexOf('/')
  if (at <= 0) refuse('REQUEST_MALFORMED', { detail: 'name the call as server/tool' })
  const server = d.tool.slice(0, at)
  const isModel = d.isProvider(server)
  const prompt = !isModel && d.tool.slice(at + 1).startsWith('prompt:')
  const kind = prompt ? 'prompt' : 'tool'
  const name = d.tool.slice(at + (prompt ? 8 : 1))
  const action: Action = {
    protocol: isModel ? 'llm' : 'mcp',
    era: isModel ? 'modern' : 'legacy',
    server,
    method: prompt ? 'prompts/get' : 'tools/call',
    kind: isModel ? 'model' : kind,
    name,
    args: isModel ? undefined : d.args,
    params: undefined,
    contentDigest: '',
    bytes: 0,
  }
  const steps: { stage: string; ok: boolean; code?: string; reason?: string; next?: string }[] = []
  const step = (stage: string, why: Reason | undefined) =>
    steps.push(
      why
        ? { stage, ok: false, code: why.code, reason: sentence(why), next: nextStep(why) }
        : { stage, ok: true },
    )

  const { template } = d
  const known = template !== undefined && mayOpen(template, d.agent.name)
  step(
    'task',
    known
      ? undefined
      : {
          code: 'TASK_TEMPLATE_UNKNOWN',
          details: { template: d.templateName, agent: d.agent.name, known: '…' },
        },
  )
  step('segment', d.placement.route(d.agent.name, server))
  if (!isModel) step('tool', check(d.views(server), server, kind, name, d.args))
  const task: Task = {
    id: 'explain',
    agent: d.agent.id,
    instance: 'explain',
    template: d.templateName,
    purpose: template?.purpose ?? '',
    onBehalfOf: d.agent.sponsor,
    subject: ANY_SUBJECT,
    state: 'open',
    end: undefined,
    openedAt: 0,
    expiresAt: 0,
    idleMs: 0,
    vouched: 'sponsor',
    parent: undefined,
    lineage: '/explain/',
    txn: 'explain',
  }
  const details = template ? detailsOf(template, ANY_SUBJECT) : []
  step('grant', compileGrant({ ...NO_TERMS, id: 'explain', task: 'explain', details }).covers(action))
  const policy = d.engine.explain({
    principal: { agent: d.agent.id, agentName: d.agent.name, sponsor: d.agent.sponsor },
    task,
    agentSegment: d.placement.segmentOfAgent(d.agent.name) ?? '',
    serverSegment: d.placement.segmentOfServer(server) ?? '',
    action,
  })
  step('policy', policy.decision.reasons[0])
  const shown = (list: typeof policy.determining): ExplainedPolicy[] =>
    list.map(({ id, file, line, text, json }) => {
      const advice = json.annotations?.advice ?? json.annotations?.reason
      return { id, file, line, text, ...(advice === undefined ? {} : { advice }) }
    })
  return {
    verdict: steps.every(({ ok }) => ok) ? 'allow' : 'deny',
    steps,
    determining: shown(policy.determining),
    could_permit: shown(policy.couldPermit),
  }
}
