import { isObject } from '../../model/json.ts'
import type { LogEntry } from '../entry.ts'
import type { Tables } from './asked.ts'
import { Logs } from './asked.ts'

/** What the entry that opened a task says of it. */
export interface TaskWords {
  readonly purpose?: string
  /** On whose behalf the agent acts. */
  readonly person?: string
}

/** Entry `index` of the log of this name; undefined where that log cannot be read from here. */
export type ReadEntry = (log: string, index: number) => Promise<LogEntry | undefined>

export interface Words {
  readonly read: ReadEntry
  /** The purpose of a task that its entry does not tell, because an agent wrote it: it is sealed there. Undefined when it is unknown. */
  purpose?(task: string): Promise<string | undefined>
}

const MAX_DEPTH = 16

/** Purpose and person of tasks; a task that was handed on has the person of the one above. */
export async function wordsOf(
  db: Tables,
  tasks: readonly string[],
  { read, purpose: purposeOf }: Words,
): Promise<Map<string, TaskWords>> {
  const logs = await Logs.of(db)
  const known = new Map<string, { words: TaskWords; parent: string | null }>()
  let wanted = [...new Set(tasks)]
  for (let depth = 0; depth < MAX_DEPTH && wanted.length > 0; depth++) {
    const rows = await db.selectFrom('projection_tasks').selectAll().where('task', 'in', wanted).execute()
    for (const { task, parent, log, seq } of rows) {
      const data = (await read(logs.nameOf(log), seq))?.data
      const { purpose: said, on_behalf_of: person } = isObject(data) ? data : {}
      const purpose = typeof said === 'string' ? said : tasks.includes(task) ? await purposeOf?.(task) : ''
      const words = {
        ...(purpose ? { purpose } : {}),
        ...(typeof person === 'string' ? { person } : {}),
      }
      known.set(task, { words, parent })
    }
    wanted = [
      ...new Set(rows.flatMap(({ parent }) => (parent === null || known.has(parent) ? [] : [parent]))),
    ]
  }
  const personOf = (task: string | null, depth = 0): string | undefined => {
    const at = task === null || depth === MAX_DEPTH ? undefined : known.get(task)
    return at && (at.words.person ?? personOf(at.parent, depth + 1))
  }
  return new Map(
    tasks.map((task) => {
      const person = personOf(task)
      return [task, { ...known.get(task)?.words, ...(person === undefined ? {} : { person }) }]
    }),
  )
}
