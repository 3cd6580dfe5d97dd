import { refuse } from '../../model/refusal.ts'
import type { MintRequest } from '../broker.ts'

const PLACEHOLDER = '{subject}'
/** Nothing that could end one scope and begin another, or climb out of a path. */
const PLAIN = /^[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,127}$/

/**
 * Puts the task's subject into a text of the configuration. A subject is what an agent wrote, so only plain ones are taken, and a text
 * that asks for one gets nothing without. @throws Refusal CREDENTIAL_UNAVAILABLE
 */
export function withSubject(
  { server, holder }: Pick<MintRequest, 'server' | 'holder'>,
  text: string,
): string {
  if (!text.includes(PLACEHOLDER)) return text
  const subject = holder?.subject
  if (subject === undefined || !PLAIN.test(subject))
    return refuse('CREDENTIAL_UNAVAILABLE', {
      server,
      detail: 'its credential is for one subject, and the task has none that can be named there',
    })
  return text.replaceAll(PLACEHOLDER, subject)
}
