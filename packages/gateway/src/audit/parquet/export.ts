import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { LogFolder } from '../log-folder.ts'
import { RowMaker } from '../projection/row-maker.ts'
import type { Batch } from '../projection/rows.ts'
import { ENTRY_COLUMNS, SUBJECT_COLUMNS, TASK_COLUMNS } from '../projection/tables.ts'
import { literal, loadDuckDb, openDuckDb } from './duckdb.ts'
import type { FileRange } from './file-name.ts'
import { fileName, overlaps, rangeOf, slugOf } from './file-name.ts'

/** Rows of one vector of DuckDB. */
const CHUNK = 2048

const PARTS = { entries: ENTRY_COLUMNS, subjects: SUBJECT_COLUMNS, tasks: TASK_COLUMNS } as const

export interface Exported {
  readonly range: FileRange
  readonly files: readonly string[]
  readonly rows: number
}

/** A file that is there already holds some of the entries: twice the same rows would be twice the same answer. */
export class RangeTaken extends Error {
  override name = 'RangeTaken'
}

/**
 * Writes the searchable rows of some entries to files of Parquet, straight from the published log. A file is complete or not there.
 * @param ranges in order, `to` not included; a range whose files are all there is left out
 * @throws RangeTaken, LogUnreadable, DuckDbMissing
 */
export async function exportParquet(
  folder: LogFolder,
  dir: string,
  ranges: readonly { readonly from: number; readonly to: number }[],
  tell: (done: number, of: number) => void = () => {},
): Promise<Exported[]> {
  const { origin } = await folder.checkpoint()
  const slug = slugOf(origin)
  await mkdir(dir, { recursive: true, mode: 0o700 })
  // Another log may have as many entries, and its files stand beside these.
  const there = (await readdir(dir)).flatMap((name) => rangeOf(name) ?? []).filter((one) => one.slug === slug)
  const wanted: FileRange[] = []
  for (const range of ranges.map((one) => ({ slug, ...one }))) {
    const same = there.filter(({ from, to }) => from === range.from && to === range.to)
    if (same.length === Object.keys(PARTS).length) continue
    const other = there.find((one) => overlaps(one, range) && !same.includes(one))
    if (other)
      throw new RangeTaken(`${dir} has the entries ${other.from} to ${other.to} already, in other files.`)
    wanted.push(range)
  }
  const end = wanted.at(-1)?.to ?? 0
  // Whose a task is stands where it was opened, so every entry before is looked at too.
  const rows = new RowMaker(0)
  const exported: Exported[] = []
  let at = 0
  const pass = async (to: number, use: (batch: Batch) => Promise<void> | void) => {
    for (; at < to; tell(at, end)) {
      const stored = await folder.entries(at, Math.min(to, at + CHUNK))
      await use(await rows.batch(stored))
      at += stored.length
    }
  }
  for (const range of wanted) {
    await pass(range.from, () => {})
    exported.push(await writeFiles(dir, origin, range, (use) => pass(range.to, use)))
  }
  return exported
}

async function writeFiles(
  dir: string,
  origin: string,
  range: FileRange,
  pass: (use: (batch: Batch) => Promise<void>) => Promise<void>,
): Promise<Exported> {
  const scratch = join(dir, `.${fileName(range, 'entries')}.tmp`)
  await rm(scratch, { recursive: true, force: true })
  await mkdir(scratch)
  try {
    await using db = await openDuckDb(scratch, join(scratch, 'rows.duckdb'))
    for (const [part, columns] of Object.entries(PARTS)) {
      const list = columns.map(([name, type]) =>
        name === 'log' ? 'log varchar' : `"${name}" ${type === 'number' ? 'bigint' : 'varchar'}`,
      )
      await db.run(`create table ${part} (${list.join(', ')})`)
    }
    let rows = 0
    await pass(async (batch) => {
      rows += batch.entries.length
      for (const part of ['entries', 'subjects', 'tasks'] as const)
        await append(db, part, origin, batch[part])
    })
    const files: string[] = []
    for (const part of ['entries', 'subjects', 'tasks'] as const) {
      const file = join(dir, fileName(range, part))
      const order = part === 'subjects' ? 'subject, seq' : 'seq'
      await db.run(
        `copy (select * from ${part} order by ${order}) to ${literal(join(scratch, part))} (format parquet, compression zstd)`,
      )
      files.push(file)
    }
    for (const [i, part] of (['entries', 'subjects', 'tasks'] as const).entries())
      await rename(join(scratch, part), files[i] as string)
    return { range, files, rows }
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

async function append(
  db: DuckDBConnection,
  part: keyof typeof PARTS,
  origin: string,
  rows: readonly object[],
): Promise<void> {
  const { DuckDBDataChunk, BIGINT, VARCHAR } = await loadDuckDb()
  const columns = PARTS[part]
  const appender = await db.createAppender(part)
  for (let from = 0; from < rows.length; from += CHUNK) {
    const some = rows.slice(from, from + CHUNK) as Record<string, string | number | null>[]
    const chunk = DuckDBDataChunk.create(
      columns.map(([name, type]) => (type === 'number' && name !== 'log' ? BIGINT : VARCHAR)),
      some.length,
    )
    chunk.setColumns(
      columns.map(([name, type]) =>
        some.map((row) => {
          const value = name === 'log' ? origin : (row[name] ?? null)
          return type === 'number' && typeof value === 'number' ? BigInt(value) : value
        }),
      ),
    )
    appender.appendDataChunk(chunk)
  }
  appender.closeSync()
}
