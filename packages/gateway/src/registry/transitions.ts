import type { LogType } from '../model/evidence.ts'
import type { ToolRow } from '../store/schema.ts'
import type { Listed } from './listing.ts'
import type { ToolKind } from './reference.ts'
import { referTo } from './reference.ts'

/** One row that has to be written, with the log entry that goes before it. */
export interface Transition {
  readonly before: ToolRow | undefined
  readonly after: ToolRow
  readonly type: LogType
  /** True when something that could be called may no longer be: never put off. */
  readonly revokes: boolean
}

/**
 * What a listing changes for one name. New is proposed; approved and no longer the pinned digest is quarantined, and stays so
 * until a person decides, even when the old definition comes back. Undefined when nothing changed.
 */
export function transition(
  at: { server: string; kind: ToolKind; name: string; now: number },
  before: ToolRow | undefined,
  listed: Listed,
): Transition | undefined {
  const seen = { seen: listed.text, seen_digest: listed.digest, seen_at: at.now }
  if (!before) {
    const status = listed.ambiguous ? 'quarantined' : 'proposed'
    const { server, kind, name } = at
    const undecided = { pinned: null, pinned_digest: null, decided_by: null, decided_at: null, note: null }
    const type = listed.ambiguous ? 'tool.quarantined' : 'tool.proposed'
    return { before, after: { server, kind, name, status, ...seen, ...undecided }, type, revokes: false }
  }
  const isApproved = before.status === 'approved'
  if (listed.digest === (isApproved ? before.pinned_digest : before.seen_digest)) return undefined
  const blocks = isApproved || (before.status === 'proposed' && listed.ambiguous)
  const status = blocks ? 'quarantined' : before.status
  const type = status === 'quarantined' ? 'tool.quarantined' : 'tool.changed'
  return { before, after: { ...before, ...seen, status }, type, revokes: isApproved }
}

/** What the log says about a change: digests only, the definitions are in the store. */
export function changeData(change: Transition): Record<string, string> {
  const { before, after } = change
  return {
    tool: referTo(after.server, after.kind, after.name),
    status: after.status,
    ...(before ? { old: before.pinned_digest ?? before.seen_digest } : {}),
    new: after.seen_digest,
  }
}
