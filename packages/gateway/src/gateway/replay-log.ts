import type { AuditLog } from '../audit/log.ts'
import type { Budgets } from '../grants/budgets.ts'
import type { ReplayWindow } from '../identity/replay.ts'

const REMEMBER_MS = 5 * 60_000
const CALLS: ReadonlySet<unknown> = new Set([
  'tools/call',
  'prompts/get',
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
  'completion/complete',
])

/**
 * After a start, the log tells what memory held: proofs used in the last minutes, so that none is good twice across a restart, and what
 * budgets have spent since they were last written down.
 */
export async function replayLog(
  log: AuditLog,
  replay: ReplayWindow,
  budgets: Budgets,
  now: number,
): Promise<void> {
  const from = await budgets.load()
  const oldest = now - REMEMBER_MS
  for (let index = log.size - 1; index >= 0; index--) {
    const { entry } = await log.read(index)
    if (index < from && entry.ts < oldest) break
    const { proof, bytes, method } = entry.data
    if (typeof proof === 'string' && entry.ts >= oldest) replay.use(proof)
    if (index < from) continue
    budgets.replay({
      grant: entry.grant,
      calls: entry.type === 'call.intent' && CALLS.has(method) ? 1 : 0,
      bytes: entry.type === 'call.outcome' && typeof bytes === 'number' ? bytes : 0,
    })
  }
}
