import type { Reason, ReasonCode } from './reasons.ts'
import { nextStep, reason, sentence } from './reasons.ts'

/** A denial on its way out of a function whose return value is something else. Carries the reason; is no bug. */
export class Refusal extends Error {
  override name = 'Refusal'
  readonly reason: Reason
  constructor(reason: Reason) {
    super(`${sentence(reason)} ${nextStep(reason)}`)
    this.reason = reason
  }
}

export function refuse(code: ReasonCode, details: Reason['details'] = {}): never {
  throw new Refusal(reason(code, details))
}
