import type { JsonObject } from '../../model/json.ts'
import type { EntryRow } from '../projection/tables.ts'
import type { Found, Page, Paging, Place, Tables } from './asked.ts'
import { found, Logs, pageOf } from './asked.ts'
import { oldestFirst } from './entries.ts'
import type { ReadEntry } from './task-words.ts'

/** One step; `data` is what its entry says, where this log can be read from here. */
export type Step = Found & { readonly data?: JsonObject }

export interface Timeline extends Page<Step> {
  /** The task and those below it. */
  readonly tasks: readonly { readonly task: string; readonly agent: string; readonly parent: string | null }[]
}

const MAX_TASKS = 1000
const LOCKS = ['lock.set', 'lock.lifted', 'lock.lift_proposed']
const MAX_LOCKS = 500

/** W3C trace id. */
const TRACE = /^[0-9a-f]{32}$/

/**
 * Everything about a task and the tasks it handed on, in order, with the locks that concerned them; or everything of one trace.
 * @param of a task, or the id of a trace
 * @returns undefined when no log knows it
 */
export async function timeline(
  db: Tables,
  of: string,
  paging: Paging,
  read: ReadEntry,
): Promise<Timeline | undefined> {
  const logs = await Logs.of(db)
  const isTrace = TRACE.test(of)
  const tasks = isTrace ? [] : await treeOf(db, of)
  const ids = tasks.length === 0 ? [of] : tasks.map((one) => one.task)
  const entries = db.selectFrom('projection_entries as e').selectAll('e')
  const rows = await oldestFirst(
    isTrace ? entries.where('e.trace', '=', of) : entries.where('e.task', 'in', ids),
    paging,
  ).execute()
  if (rows.length === 0 && paging.after === undefined) return undefined
  const kept = rows.slice(0, paging.count)
  const locks = isTrace ? [] : await locksBetween(db, kept, paging.after)
  const steps: Step[] = []
  const concerning = new Set<string>()
  for (const row of [...kept, ...locks].sort(inOrder)) {
    const step = found(row, logs)
    const data = (await read(step.log, step.index))?.data
    if (row.task === null && LOCKS.includes(row.type) && !concerns(data, ids, tasks, concerning)) continue
    steps.push({ ...step, ...(data === undefined ? {} : { data }) })
  }
  return { ...pageOf(rows, paging.count, logs, () => steps), tasks }
}

async function treeOf(db: Tables, root: string) {
  return await db
    .withRecursive('tree', (each) =>
      each
        .selectFrom('projection_tasks as t')
        .select(['t.task', 't.agent', 't.instance', 't.parent'])
        .where('t.task', '=', root)
        // A union, not `union all`: a circle, which only a forged log could hold, ends too.
        .union(
          each
            .selectFrom('projection_tasks as t')
            .innerJoin('tree', 'tree.task', 't.parent')
            .select(['t.task', 't.agent', 't.instance', 't.parent']),
        ),
    )
    .selectFrom('tree')
    .select(['tree.task', 'tree.agent', 'tree.instance', 'tree.parent'])
    .limit(MAX_TASKS)
    .execute()
}

/** Locks of the time that a page is about. */
async function locksBetween(
  db: Tables,
  page: readonly EntryRow[],
  after: Place | undefined,
): Promise<readonly EntryRow[]> {
  const from = after?.ts ?? page[0]?.ts
  const to = page.at(-1)?.ts
  if (from === undefined || to === undefined) return []
  return await db
    .selectFrom('projection_entries as e')
    .selectAll('e')
    .where('e.type', 'in', LOCKS)
    .where('e.ts', after === undefined ? '>=' : '>', from)
    .where('e.ts', '<=', to)
    // Locks of a task itself have been found with it.
    .where('e.task', 'is', null)
    .orderBy('e.ts')
    .limit(MAX_LOCKS)
    .execute()
}

const inOrder = (a: Place, b: Place): number => a.ts - b.ts || a.seq - b.seq || a.log - b.log

/** A lock of everything, of a server or a tool may have stopped the task; one of another agent did not. */
function concerns(
  data: JsonObject | undefined,
  ids: readonly string[],
  tasks: readonly { readonly agent: string; readonly instance: string }[],
  concerning: Set<string>,
): boolean {
  const { lock, scope, target } = data ?? {}
  if (typeof lock !== 'string') return false
  if (scope === undefined) return concerning.has(lock)
  const isTheirs =
    scope === 'global' ||
    scope === 'server' ||
    scope === 'tool' ||
    (scope === 'task' && ids.includes(String(target))) ||
    tasks.some(({ agent, instance }) => target === agent || target === instance)
  if (isTheirs) concerning.add(lock)
  return isTheirs
}
