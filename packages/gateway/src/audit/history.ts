import type { AuditLog, StoredEntry } from './log.ts'

/** Entries looked at for one page: the gateway goes on serving meanwhile, and a page does not take for ever. */
const MAX_SCAN = 200_000
const STRIDE = 256

/** Whose history is asked for. */
export interface Traced {
  /** `agt_…` */
  readonly agent: string
  /** Only this instance, when given. */
  readonly instance: string | undefined
  /** The tasks it opened: what the gateway did for them belongs to its history. */
  readonly tasks: ReadonlySet<string>
}

export interface HistoryPage {
  /** Newest first. */
  readonly entries: readonly StoredEntry[]
  /** Where the next page begins; undefined when there is nothing older. */
  readonly before: number | undefined
}

/**
 * What the log holds about one identity: what it did, what was done for it, and what operators did to it.
 * Reads backwards from `before` (the end of the log when undefined) until `count` entries are found.
 */
export async function historyOf(
  log: Pick<AuditLog, 'size' | 'entries'>,
  who: Traced,
  page: { count: number; before: number | undefined },
): Promise<HistoryPage> {
  const found: StoredEntry[] = []
  const start = Math.min(page.before ?? log.size, log.size)
  let to = start
  while (to > 0 && found.length < page.count && start - to < MAX_SCAN) {
    const from = Math.max(0, to - STRIDE)
    const part: StoredEntry[] = []
    for await (const entry of log.entries(from, to)) if (concerns(entry, who)) part.push(entry)
    for (const entry of part.reverse()) {
      if (found.length === page.count) return { entries: found, before: entry.index + 1 }
      found.push(entry)
    }
    to = from
  }
  return { entries: found, before: to > 0 ? to : undefined }
}

function concerns({ entry }: StoredEntry, who: Traced): boolean {
  const { actor, data, task } = entry
  const { instance } = who
  if (instance !== undefined) {
    return (actor.kind === 'agent' && actor.instance === instance) || data.instance === instance
  }
  if (actor.kind === 'agent') return actor.agent === who.agent
  if (data.agent === who.agent || data.target === who.agent) return true
  return task !== undefined && who.tasks.has(task)
}
