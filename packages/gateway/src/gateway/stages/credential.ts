import { ALLOW } from '../../model/decision.ts'
import type { Authority } from '../authority.ts'
import type { Stage } from '../exchange.ts'

/** 14: the lease, then the upstream secret to inject. The agent never sees it. */
export function credentialStage(authority: Authority): Stage<'action' | 'task', 'injection'> {
  return {
    name: 'credential',
    async run({ action, task }, { trace }) {
      const injection = await authority.injection(action.server, task.id, trace.logged)
      return { decision: ALLOW, facts: { injection } }
    },
  }
}
