import { join } from 'node:path'
import type { Command } from 'commander'
import { LogFolder } from '../../../audit/log-folder.ts'
import { openParquet } from '../../../audit/parquet/tables.ts'
import type { Coverage, Paging } from '../../../audit/questions/asked.ts'
import { placeOf } from '../../../audit/questions/asked.ts'
import type { DidAsked } from '../../../audit/questions/did.ts'
import { did } from '../../../audit/questions/did.ts'
import type { ReadEntry } from '../../../audit/questions/task-words.ts'
import { timeline } from '../../../audit/questions/timeline.ts'
import { whoSaw } from '../../../audit/questions/who-saw.ts'
import type { CliContext } from '../../context.ts'
import { dataDirOf } from '../../context.ts'
import { CommandFailed, EXIT } from '../../exit.ts'

export const withParquet = (command: Command): Command =>
  command.option('--from-parquet <folder>', 'ask the files of `ostiary audit export` instead of the gateway')

interface Asked {
  readonly since?: string
  readonly until?: string
  readonly count: number
  readonly after?: string
}

/** The questions that can be asked of files. */
interface Questions {
  did(asked: Asked & Pick<DidAsked, 'agent' | 'instance' | 'tool' | 'denied'>): ReturnType<typeof did>
  whoSaw(asked: Asked & { subject: string }): ReturnType<typeof whoSaw>
  timeline(task: string, asked: Asked): ReturnType<typeof timeline>
}

/** Asks the files; what only the entries themselves say is taken from the log, where its folder is at hand. @throws NoParquet, DuckDbMissing */
export async function askParquet<T extends { covers: readonly Coverage[] } | undefined>(
  context: CliContext,
  folder: string,
  ask: (questions: Questions) => Promise<T>,
): Promise<T> {
  await using tables = await openParquet(folder)
  const { db, covers } = tables
  const read = await reader(join(dataDirOf(context.configPath), 'log'))
  const answer = await ask({
    did: (asked) => did(db, { ...asked, ...span(asked) }, paging(asked)),
    whoSaw: ({ subject, ...asked }) => whoSaw(db, { subject, ...span(asked) }, paging(asked), { read }),
    timeline: (task, asked) => timeline(db, task, paging(asked), read),
  })
  return answer && { ...answer, covers }
}

const span = ({ since, until }: Asked) => ({
  since: since === undefined ? undefined : Date.parse(since),
  until: until === undefined ? undefined : Date.parse(until),
})

function paging({ count, after }: Asked): Paging {
  if (after === undefined) return { count }
  const place = placeOf(after)
  if (!place) throw new CommandFailed('Take --after from the page before.', EXIT.usage)
  return { count, after: place }
}

async function reader(logDir: string): Promise<ReadEntry> {
  try {
    const log = await LogFolder.at(logDir)
    const { origin, size } = await log.checkpoint()
    return async (name, index) =>
      name === origin && index < size ? (await log.entries(index, index + 1))[0]?.entry : undefined
  } catch {
    return async () => undefined
  }
}
