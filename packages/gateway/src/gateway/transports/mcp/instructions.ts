import { replaceValue } from '../../../lib/json-splice.ts'
import { isObject } from '../../../model/json.ts'
import type { Server } from '../../servers.ts'
import type { Message } from './message.ts'

/**
 * Server instructions go straight into the model's context, so only those that were part of an approved definition's digest pass;
 * others are emptied until a person has seen them. Also hides extensions, which have no rules yet.
 */
export function withVettedInstructions(text: string, message: Message, server: Server): string {
  if (message.type !== 'response' || !isObject(message.result)) return text
  let out = text
  const { instructions, capabilities } = message.result
  if (instructions !== undefined && (instructions !== server.instructions || !server.vetted)) {
    out = replaceValue(out, ['result', 'instructions'], '""')
    // Met again before the next call, so that changed instructions quarantine what was approved with the old ones.
    if (instructions !== server.instructions) server.met = undefined
  }
  if (isObject(capabilities)) {
    const kept = Object.entries(capabilities).filter(([name]) => name !== 'extensions' && name !== 'tasks')
    if (kept.length !== Object.keys(capabilities).length) {
      out = replaceValue(out, ['result', 'capabilities'], JSON.stringify(Object.fromEntries(kept)))
    }
  }
  return out
}
