import type { AuditLog } from '../audit/log.ts'
import type { Budgets } from '../grants/budgets.ts'
import type { ReplayWindow } from '../identity/replay.ts'
import type { JsonObject } from '../model/json.ts'
import { isObject } from '../model/json.ts'

const REMEMBER_MS = 5 * 60_000
const NO_COST: JsonObject = {}
const count = (value: unknown): number => (typeof value === 'number' ? value : 0)

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
    const { proof, bytes } = entry.data
    if (typeof proof === 'string' && entry.ts >= oldest) replay.use(proof)
    if (index < from) continue
    const { calls, writes, spend, subjects } = isObject(entry.data.cost) ? entry.data.cost : NO_COST
    budgets.replay({
      grant: entry.grant,
      calls: count(calls),
      writes: count(writes),
      spend: count(spend),
      subjects: Array.isArray(subjects) ? subjects.map(String) : [],
      bytes: entry.type === 'call.outcome' && typeof bytes === 'number' ? bytes : 0,
    })
  }
}
