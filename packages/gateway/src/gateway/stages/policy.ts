import type { PolicyEngine } from '../../grants/policy/policy.ts'
import type { Stage } from '../exchange.ts'

/** 8, asked after 11 so that it sees where values come from: Cedar; forbid overrides, any diagnostic error is a deny. */
export function policyStage(
  engine: () => PolicyEngine,
): Stage<'principal' | 'task' | 'segments' | 'action' | 'flow'> {
  return {
    name: 'policy',
    run: ({ principal, task, segments, action, flow }) => ({
      decision: engine().decide({
        principal,
        task,
        agentSegment: segments.agent,
        serverSegment: segments.server,
        action,
        flow: {
          effect: flow.effect,
          ...flow.state,
          problems: [...new Set(flow.problems.map(({ code }) => code))].sort(),
        },
      }),
    }),
  }
}
