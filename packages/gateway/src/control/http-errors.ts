import type { Context } from 'hono'
import { AuditUnavailable } from '../model/evidence.ts'
import type { Reason } from '../model/reasons.ts'
import { nextStep, reason, sentence, status } from '../model/reasons.ts'
import { Refusal } from '../model/refusal.ts'
import { StoreUnavailable } from '../store/store.ts'

/** Every refusal of the control surfaces, in one shape. */
export const problem = (why: Reason) => ({
  error: why.code.toLowerCase(),
  reason: { code: why.code, sentence: sentence(why), next: nextStep(why) },
})

export const refusalAnswer = (why: Reason): Response => Response.json(problem(why), { status: status(why) })

/** Turns what a handler threw into an answer; anything but a refusal is our bug and says so without details. */
export function errorAnswer(onBug: (error: unknown) => void) {
  return (error: Error, c: Context) => {
    let why: Reason
    if (error instanceof Refusal) why = error.reason
    else if (error instanceof AuditUnavailable) why = reason('AUDIT_UNAVAILABLE')
    else if (error instanceof StoreUnavailable) why = reason('STORE_UNAVAILABLE')
    else {
      onBug(error)
      why = reason('INTERNAL')
    }
    return c.json(problem(why), status(why) as 400)
  }
}
