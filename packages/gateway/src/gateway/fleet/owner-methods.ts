import type { RateLimit } from '../../oversight/rate-limit.ts'
import type { Authority } from '../authority.ts'
import type { Readiness } from '../readiness.ts'
import { rateLimited } from '../stages/budget.ts'
import type { OwnerMethods } from './protocol.ts'

/**
 * What the owner answers its workers. Each worker throttles by itself, so the rate that an instance has on the whole machine is kept here.
 */
export function ownerMethods(
  owner: Authority,
  deps: { rate: RateLimit; readiness: Readiness; onProblem(problem: string): void },
): OwnerMethods {
  return {
    resolveToken: async (hash) => owner.resolveToken(hash),
    async liveTask(id) {
      const live = await owner.liveTask(id)
      if (!live) return undefined
      // The compiled half is functions, which stay here.
      const { covers: _, allowsName: __, servers: ___, ...grant } = live.grant
      return { task: live.task, grant }
    },
    whyNotLive: async (id) => owner.whyNotLive(id),
    async observe(server, seen) {
      await owner.observe(server, seen)
    },
    injection: async (server, task, trace) => owner.injection(server, task, trace),
    release: (server, task) => owner.release(server, task),
    hear: async (words) => owner.hear(words),
    judge: async (call) => owner.judge(call),
    learn: async (result) => owner.learn(result),
    hold: async (hold) => owner.hold(hold),
    async admit(admission) {
      const wait = deps.rate.take(admission.subject.instance)
      return wait > 0 ? rateLimited(deps.rate, wait) : owner.admit(admission)
    },
    settle: (settlement) => owner.settle(settlement),
    record: (event) => owner.record(event),
    missing: () => deps.readiness.missing(),
    async report(problem) {
      deps.onProblem(problem)
    },
  }
}
