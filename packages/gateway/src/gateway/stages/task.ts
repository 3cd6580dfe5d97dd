import { ALLOW, deny } from '../../model/decision.ts'
import { reason } from '../../model/reasons.ts'
import type { Authority } from '../authority.ts'
import type { Stage } from '../exchange.ts'

/** 4: a live task of this very instance. No task, no access. */
export function taskStage(authority: Authority): Stage<'principal' | 'tokenTask', 'task' | 'grant'> {
  return {
    name: 'task',
    async run({ principal, tokenTask }) {
      if (tokenTask === undefined) return { decision: deny(reason('TASK_REQUIRED')) }
      const live = await authority.liveTask(tokenTask)
      if (!live || live.task.instance !== principal.instance) {
        return { decision: deny(await authority.whyNotLive(tokenTask)) }
      }
      return { decision: ALLOW, facts: live }
    },
  }
}
