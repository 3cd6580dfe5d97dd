import type { Context } from 'hono'
import { AuditUnavailable } from '../model/evidence.ts'
import type { Reason } from '../model/reasons.ts'
import { nextStep, reason, sentence, status } from '../model/reasons.ts'
import { Refusal } from '../model/refusal.ts'

/** Every refusal of the control surfaces, in one shape. */
export const problem = (why: Reason) => ({
  error: why.code.toLowerCase(),
  reason: { code: why.code, sentence: sentence(why), next: nextStep(why) },
})

/** Turns what a handler threw into an answer; anything but a refusal is our bug and says so without details. */
export function errorAnswer(onBug: (error: unknown) => void) {
  return (error: Error, c: Context) => {
    let why: Reason
    if (error instanceof Refusal) why = error.reason
    else if (error instanceof AuditUnavailable) why = reason('AUDIT_UNAVAILABLE')
    else {
      onBug(error)
      why = reason('INTERNAL')
    }
    return c.json(problem(why), status(why) as 400)
  }
}
