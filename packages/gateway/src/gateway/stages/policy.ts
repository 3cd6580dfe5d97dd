import type { PolicyEngine } from '../../grants/policy/policy.ts'
import type { Stage } from '../exchange.ts'

/** 8: Cedar; forbid overrides, any diagnostic error is a deny. */
export function policyStage(engine: () => PolicyEngine): Stage<'principal' | 'task' | 'segments' | 'action'> {
  return {
    name: 'policy',
    run: ({ principal, task, segments, action }) => ({
      decision: engine().decide({
        principal,
        task,
        agentSegment: segments.agent,
        serverSegment: segments.server,
        action,
      }),
    }),
  }
}
