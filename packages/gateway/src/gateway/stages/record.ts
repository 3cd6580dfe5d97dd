import { canonicalize } from '@ostiary/evidence'
import { flowEvidence } from '../../flow/evidence.ts'
import type { Cost } from '../../grants/budgets.ts'
import type { Action } from '../../model/action.ts'
import { ALLOW, deny } from '../../model/decision.ts'
import type { LogActor, LogEvent } from '../../model/evidence.ts'
import { AuditUnavailable } from '../../model/evidence.ts'
import type { Principal } from '../../model/principal.ts'
import { reason } from '../../model/reasons.ts'
import type { Authority } from '../authority.ts'
import { isReason } from '../authority.ts'
import type { Facts, Stage } from '../exchange.ts'
import { aboutOf, callContent, valuesOf } from '../kept-content.ts'
import { lockSubject } from './locks.ts'

type Recorded =
  | 'principal'
  | 'action'
  | 'task'
  | 'grant'
  | 'tokenTask'
  | 'lineage'
  | 'tokenHash'
  | 'replayKey'
  | 'isWrite'

/** That one call may name. Each is in the record of the call, of which an entry must have room for all. */
const MAX_SUBJECTS = 500

const COSTS_A_CALL: ReadonlySet<string> = new Set(['tool', 'prompt', 'resource', 'complete', 'model'])

/** 13: the intent is durable before the effect. No evidence, no effect. */
export function recordStage(
  authority: Authority,
  how: {
    keepsArguments(): boolean
    /** `host:port` of an upstream that is reached over the network. */
    destination(server: string): string | undefined
  },
): Stage<Recorded, 'intent'> {
  return {
    name: 'record',
    async run(facts: Pick<Facts, Recorded> & Partial<Pick<Facts, 'flow'>>, exchange) {
      const { action } = facts
      const cost = costOf(facts)
      if (cost.subjects.length > MAX_SUBJECTS)
        return { decision: deny(reason('BUDGET_SPENT', { limit: MAX_SUBJECTS, dimension: 'subjects' })) }
      const to = how.destination(action.server)
      const event: LogEvent = {
        type: 'call.intent',
        actor: actorOf(facts.principal),
        task: facts.task.id,
        grant: facts.grant.id,
        trace: exchange.trace.logged,
        ...keptOf(facts, how.keepsArguments()),
        data: {
          call: exchange.id,
          ...describe(action),
          ...(to === undefined ? {} : { destination: to }),
          ...flowOf(facts),
          ...(facts.replayKey === undefined ? {} : { proof: facts.replayKey }),
        },
      }
      try {
        const result = await authority.admit({
          event,
          contentDigest: action.contentDigest,
          replayKey: facts.replayKey,
          tokenHash: facts.tokenHash,
          subject: lockSubject(facts),
          task: facts.task.id,
          grant: facts.grant.id,
          cost,
        })
        if (isReason(result)) return { decision: deny(result) }
        return { decision: ALLOW, facts: { intent: result } }
      } catch (error) {
        if (error instanceof AuditUnavailable) {
          return { decision: deny(reason(error.name === 'QueueFull' ? 'OVERLOADED' : 'AUDIT_UNAVAILABLE')) }
        }
        throw error
      }
    },
  }
}

function costOf({
  action,
  grant,
  isWrite,
}: Pick<Facts, 'action' | 'grant'> & Partial<Pick<Facts, 'isWrite'>>): Cost {
  if (!COSTS_A_CALL.has(action.kind)) return NO_COST
  const isTool = action.kind === 'tool'
  return {
    calls: 1,
    writes: isTool && isWrite !== false ? 1 : 0,
    spend:
      isTool || action.kind === 'model' ? (grant.costs[`${action.server}/${action.name ?? ''}`] ?? 0) : 0,
    subjects: grant.subjectArguments.flatMap((name) => valuesOf(action.args, name).map(canonicalize)),
  }
}

const NO_COST: Cost = { calls: 0, writes: 0, spend: 0, subjects: [] }

/** Whom a call is about, and what of it is sealed beside its entry. */
export function keptOf(
  { task, action, grant }: Pick<Facts, 'task' | 'action' | 'grant'>,
  keepsArguments: boolean,
): Pick<LogEvent, 'about' | 'content'> {
  const content = callContent(action, keepsArguments)
  return { ...aboutOf(task, action, grant), ...(content === undefined ? {} : { content }) }
}

/** Where the values came from, and what policies were told of the task; nothing for actions that flow does not look at. */
export function flowOf({ flow }: Partial<Pick<Facts, 'flow'>>) {
  if (!flow) return {}
  const evidence = flowEvidence(flow)
  const { hasRequest, holdsUntrusted, holdsConfidential, isHostile } = flow.state
  const marks = {
    request: hasRequest,
    untrusted: holdsUntrusted,
    confidential: holdsConfidential,
    hostile: isHostile,
  }
  const has = Object.entries(marks).flatMap(([name, is]) => (is ? [name] : []))
  return {
    ...(Object.keys(evidence).length > 0 ? { flow: evidence } : {}),
    flow_state: { effect: flow.effect, has },
  }
}

/** Who did it, and how weakly it was proved where nothing was signed for the request. */
export const actorOf = ({ agent, instance, binding, chain }: Principal): LogActor => ({
  kind: 'agent',
  agent,
  instance,
  ...(binding === 'dpop' ? {} : { binding }),
  ...(chain.length > 1 ? { for: chain.slice(1).map((link) => ({ ...link })) } : {}),
})

/** What a record says of an action: names and sizes, no argument values. */
export function describe(action: Action) {
  return {
    protocol: action.protocol,
    ...(action.protocol === 'mcp' ? { era: action.era } : {}),
    // On the aggregate endpoint an agent can write anything in its place.
    server: action.server.slice(0, 60),
    method: action.method,
    ...(action.name === undefined || action.kind === 'resource' ? {} : { name: action.name.slice(0, 500) }),
    bytes: action.bytes,
  }
}
