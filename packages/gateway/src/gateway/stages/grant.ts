import { ALLOW, deny } from '../../model/decision.ts'
import type { Stage } from '../exchange.ts'

/** 7: the task's grant covers the action and its arguments. */
export const grantStage: Stage<'grant' | 'action'> = {
  name: 'grant',
  run({ grant, action }) {
    const denied = grant.covers(action)
    return { decision: denied ? deny(denied) : ALLOW }
  },
}
