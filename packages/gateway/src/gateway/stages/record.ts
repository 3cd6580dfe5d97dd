import type { Action } from '../../model/action.ts'
import { ALLOW, deny } from '../../model/decision.ts'
import type { LogEvent } from '../../model/evidence.ts'
import { AuditUnavailable } from '../../model/evidence.ts'
import { reason } from '../../model/reasons.ts'
import type { Authority } from '../authority.ts'
import { isReason } from '../authority.ts'
import type { Stage } from '../exchange.ts'
import { lockSubject } from './locks.ts'

type Recorded = 'principal' | 'action' | 'task' | 'grant' | 'tokenTask' | 'tokenHash' | 'replayKey'

const COSTS_A_CALL: ReadonlySet<string> = new Set(['tool', 'prompt', 'resource', 'complete'])

/** 13: the intent is durable before the effect. No evidence, no effect. */
export function recordStage(authority: Authority): Stage<Recorded, 'intent'> {
  return {
    name: 'record',
    async run(facts, exchange) {
      const { action } = facts
      const event: LogEvent = {
        type: 'call.intent',
        actor: { kind: 'agent', agent: facts.principal.agent, instance: facts.principal.instance },
        task: facts.task.id,
        grant: facts.grant.id,
        data: {
          call: exchange.id,
          ...describe(action),
          proof: facts.replayKey,
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
          calls: COSTS_A_CALL.has(action.kind) ? 1 : 0,
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

/** What a record says of an action: names and sizes, no argument values. */
export function describe(action: Action) {
  return {
    protocol: action.protocol,
    era: action.era,
    server: action.server,
    method: action.method,
    ...(action.name === undefined ? {} : { name: action.name.slice(0, 500) }),
    bytes: action.bytes,
  }
}
