import { ALLOW, deny } from '../../model/decision.ts'
import { reason } from '../../model/reasons.ts'
import type { Placement } from '../../segments/segments.ts'
import type { Stage } from '../exchange.ts'

/** 5: may this zone reach that one. */
export function segmentStage(placement: () => Placement): Stage<'principal' | 'action', 'segments'> {
  return {
    name: 'segment',
    run({ principal, action }) {
      const places = placement()
      const denied = places.route(principal.agentName, action.server)
      if (denied) return { decision: deny(denied) }
      const agent = places.segmentOfAgent(principal.agentName)
      const server = places.segmentOfServer(action.server)
      if (agent === undefined || server === undefined) return { decision: deny(reason('INTERNAL')) }
      return { decision: ALLOW, facts: { segments: { agent, server } } }
    },
  }
}
