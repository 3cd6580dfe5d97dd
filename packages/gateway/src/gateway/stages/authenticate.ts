import { authenticate } from '../../identity/authenticate.ts'
import type { Clock } from '../../lib/clock.ts'
import { ALLOW } from '../../model/decision.ts'
import type { Authority } from '../authority.ts'
import type { Stage } from '../exchange.ts'

/** 2: token and proof of possession to principal. */
export function authenticateStage(deps: {
  authority: Authority
  clock: Clock
  windowMs: number
  isPlainAllowed: boolean
}): Stage<'presented', 'principal' | 'tokenTask' | 'lineage' | 'tokenHash' | 'replayKey'> {
  const resolve = (hash: string) => deps.authority.resolveToken(hash)
  return {
    name: 'authenticate',
    async run({ presented }, exchange) {
      const { session, replayKey } = await authenticate(
        {
          ...presented,
          now: deps.clock.now(),
          windowMs: deps.windowMs,
          isPlainAllowed: deps.isPlainAllowed,
        },
        resolve,
      )
      exchange.trace.authenticated()
      return {
        decision: ALLOW,
        facts: {
          principal: session.principal,
          tokenTask: session.task,
          lineage: session.lineage,
          tokenHash: session.tokenHash,
          replayKey:
            replayKey === undefined || presented.part === '' ? replayKey : `${replayKey}/${presented.part}`,
        },
      }
    },
  }
}
