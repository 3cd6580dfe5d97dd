import { ALLOW, deny } from '../../model/decision.ts'
import type { Stage } from '../exchange.ts'

/**
 * 1, second half: what the transport found wrong with the request in view of who sent it (session of another instance, unknown
 * server or method). Told only after authentication, so that a stranger learns nothing of what exists.
 */
export const receiveStage: Stage<'principal' | 'tokenTask' | 'objection'> = {
  name: 'receive',
  run({ objection, principal, tokenTask }) {
    const why = objection(principal, tokenTask)
    return { decision: why ? deny(why) : ALLOW }
  },
}
