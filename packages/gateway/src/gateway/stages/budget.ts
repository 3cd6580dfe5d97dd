import { ALLOW, deny } from '../../model/decision.ts'
import type { Reason } from '../../model/reasons.ts'
import { reason } from '../../model/reasons.ts'
import type { RateLimit } from '../../oversight/rate-limit.ts'
import type { Stage } from '../exchange.ts'

/** 9: rate per instance. The grant's own budget is reserved where it cannot be raced: at the record stage. */
export function budgetStage(limit: RateLimit): Stage<'principal'> {
  return {
    name: 'budget',
    run({ principal }) {
      const wait = limit.take(principal.instance)
      if (wait === 0) return { decision: ALLOW }
      return { decision: deny(rateLimited(limit, wait)) }
    },
  }
}

/** `wait` in milliseconds. */
export const rateLimited = (limit: RateLimit, wait: number): Reason =>
  reason('RATE_LIMITED', { limit: limit.perSecond, seconds: Math.max(1, Math.ceil(wait / 1000)) })
