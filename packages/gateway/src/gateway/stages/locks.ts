import { ALLOW, deny } from '../../model/decision.ts'
import { reason } from '../../model/reasons.ts'
import type { LockSubject } from '../../oversight/locks.ts'
import { lockReason } from '../../oversight/locks.ts'
import type { Authority } from '../authority.ts'
import type { Facts, Stage } from '../exchange.ts'

/** 3: kill switches, in memory; a stale view means closed. */
export function locksStage(authority: Authority): Stage<'principal' | 'action' | 'tokenTask' | 'lineage'> {
  return {
    name: 'locks',
    run(facts) {
      if (!authority.alive()) return { decision: deny(reason('LOCKS_STALE')) }
      const lock = authority.locks.stops(lockSubject(facts))
      return { decision: lock ? deny(lockReason(lock)) : ALLOW }
    },
  }
}

export function lockSubject({
  principal,
  action,
  tokenTask,
  lineage,
}: Pick<Facts, 'principal' | 'action' | 'tokenTask' | 'lineage'>): LockSubject {
  return {
    agent: principal.agent,
    instance: principal.instance,
    task: tokenTask,
    ...(lineage.length > 1 ? { lineage, chain: principal.chain } : {}),
    server: action.server,
    tool: action.kind === 'tool' ? action.name : undefined,
  }
}
