import { flowEvidence } from '../../flow/evidence.ts'
import { ALLOW, deny } from '../../model/decision.ts'
import { reason } from '../../model/reasons.ts'
import type { Authority } from '../authority.ts'
import type { Stage } from '../exchange.ts'
import { flowName } from './flow.ts'

/** More is asked about when the agent asks again, so that what is held stays small. */
const MAX_HELD = 100
/** Characters of a value that a person is shown. */
const MAX_SHOWN = 2000

/** 12: what flow could not clear waits for a person, who endorses the value for this task; the agent then asks again. */
export function approveStage(authority: Authority): Stage<'action' | 'task' | 'flow'> {
  return {
    name: 'approve',
    async run({ action, task, flow }, exchange) {
      const [first, ...more] = flow.isEnforced ? flow.problems : []
      if (!first) return { decision: ALLOW }
      const tool = flowName(action)
      await authority.hold({
        call: exchange.id,
        task: { id: task.id, txn: task.txn },
        tool,
        problems: flow.problems
          .slice(0, MAX_HELD)
          .map((problem) => ({ ...problem, value: problem.value && shownValue(problem.value) })),
      })
      const shown = flowEvidence({ ...flow, problems: [first] }).problems as { path: string }[]
      return {
        decision: deny(
          reason('FLOW_HELD', {
            tool: tool.slice(0, 200),
            argument: shown[0]?.path || 'the call itself',
            detail: first.detail,
            more: more.length === 0 ? '' : ` (and ${more.length} more)`,
            call: exchange.id,
          }),
        ),
      }
    },
  }
}

/** A person must see that there is more than they see. */
const shownValue = (value: string): string =>
  value.length <= MAX_SHOWN
    ? value
    : `${value.slice(0, MAX_SHOWN / 2)} [… ${value.length - MAX_SHOWN} characters …] ${value.slice(-MAX_SHOWN / 2)}`
