import { OutboundFailed } from '../../lib/outbound.ts'
import { Refusal, refuse } from '../../model/refusal.ts'

/** Runs a request to the other side; whatever it says when it fails stays here, since it may quote a secret. */
export async function asking<T>(server: string, who: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof Refusal) throw error
    const cause = error instanceof OutboundFailed ? error : (error as { cause?: unknown }).cause
    const detail = cause instanceof OutboundFailed ? `${who}: ${cause.message}` : `${who} gave no credential`
    return refuse('CREDENTIAL_UNAVAILABLE', { server, detail })
  }
}
