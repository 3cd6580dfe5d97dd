import type { Witnesses } from '../audit/witness/witnesses.ts'
import { durationMs } from '../config/schema.ts'
import type { CosignedBefore } from '../config/witness-schema.ts'
import type { Reason } from '../model/reasons.ts'
import { reason } from '../model/reasons.ts'
import type { LockSubject } from '../oversight/locks.ts'

/** Waits until witnesses vouch for the record of a call that the configuration names. Undefined where nothing has to be waited for. */
export type CosignatureWait = (
  call: Pick<LockSubject, 'server' | 'tool'>,
  index: number,
) => Promise<Reason | undefined> | undefined

export function cosignatureWait(
  witnesses: Witnesses | undefined,
  rule: () => CosignedBefore | undefined,
): CosignatureWait {
  return ({ server, tool }, index) => {
    const { tools, timeout } = rule() ?? {}
    if (tool === undefined || !tools || timeout === undefined) return undefined
    if (!tools.includes(`${server}/${tool}`) && !tools.includes(`${server}/*`)) return undefined
    return whyNot(witnesses, index, durationMs(timeout))
  }
}

async function whyNot(
  witnesses: Witnesses | undefined,
  index: number,
  ms: number,
): Promise<Reason | undefined> {
  // Without witnesses the rule cannot be met, and what cannot be met denies.
  if (await witnesses?.cosigned(index, ms)) return undefined
  return reason('NOT_COSIGNED', { seconds: Math.round(ms / 100) / 10 })
}
