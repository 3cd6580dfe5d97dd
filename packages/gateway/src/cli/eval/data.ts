import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { z } from 'zod'
import { CommandFailed } from '../exit.ts'

/** What an evaluation can be given, below its data folder, and where it comes from. */
export interface DataSet {
  readonly files: string
  readonly source: string
}

/** The files of a set that are there, in order, relative to the folder. */
export const filesOf = (folder: string, { files }: DataSet): string[] =>
  globSync(files, { cwd: folder }).sort()

/** Reads a JSON, `.jsonl` or `.gz` file of the folder. @throws CommandFailed that names the file and what is wrong in it */
export function readData<T extends z.ZodType>(folder: string, file: string, schema: T): z.output<T> {
  let value: unknown
  try {
    const bytes = readFileSync(join(folder, file))
    const text = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
    value = /\.jsonl(\.gz)?$/.test(file)
      ? text
          .split('\n')
          .filter((line) => line.trim() !== '')
          .map((line) => JSON.parse(line) as unknown)
      : JSON.parse(text)
  } catch (error) {
    throw new CommandFailed(`${file} cannot be read: ${(error as Error).message}`)
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new CommandFailed(`${file} is not as expected: ${z.prettifyError(parsed.error).slice(0, 400)}`)
}

/** The sets that are not there, as sentences. @throws CommandFailed when none is */
export function missingFrom(folder: string, sets: readonly DataSet[]): string[] {
  if (!existsSync(folder)) throw new CommandFailed(`${folder} does not exist. ${wanted(sets)}`)
  const missing = sets.filter((set) => filesOf(folder, set).length === 0)
  if (missing.length === sets.length)
    throw new CommandFailed(`${folder} holds nothing to evaluate with. ${wanted(sets)}`)
  return missing.map(describe)
}

const describe = ({ files, source }: DataSet): string => `${files} (from ${source})`

const wanted = (sets: readonly DataSet[]): string =>
  ['Put at least one of these there:', ...sets.map((set) => `  ${describe(set)}`)].join('\n')
