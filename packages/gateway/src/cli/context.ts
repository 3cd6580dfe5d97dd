import { dirname, resolve } from 'node:path'
import type { Command } from 'commander'
import { ControlClient } from './control-client.ts'
import { readConfig } from './read-config.ts'

/** What every command can reach. */
export interface CliContext {
  readonly out: (text: string) => void
  readonly say: (text: string) => void
  readonly json: boolean
  readonly configPath: string
  /** The operators' interface of the gateway on this data folder. */
  control(): ControlClient
}

export function contextOf(command: Command): CliContext {
  const { json = false, config = 'ostiary.yaml' } = command.optsWithGlobals<{
    json?: boolean
    config?: string
  }>()
  const configPath = resolve(config)
  return {
    out: (text) => process.stdout.write(`${text}\n`),
    say: (text) => process.stderr.write(`${text}\n`),
    json,
    configPath,
    control: () => new ControlClient(dataDirOf(configPath)),
  }
}

/** The data folder also when the rest of the file is wrong: stopping must work with a broken configuration. */
export function dataDirOf(configPath: string): string {
  try {
    return readConfig(configPath).dataDir
  } catch {
    return resolve(dirname(configPath), '.ostiary')
  }
}

/** One JSON object with its schema name, or what people read. */
export function show(context: CliContext, schema: string, value: object, text: () => string): void {
  context.out(context.json ? jsonOf({ schema: `ostiary/v1/${schema}`, ...value }) : printable(text()))
}

/** Names come from servers and agents. None may steer the terminal, or write a line that looks like ours. */
export const printable = (text: string): string => text.replace(/[^\P{C}\n\t]/gu, '\ufffd')

/** On one line. */
export const oneLine = (text: string): string => text.replace(/\p{C}/gu, '\ufffd')

/** The same value for a program, and for a terminal that gets to see it. */
export const jsonOf = (value: object): string =>
  JSON.stringify(value).replace(/[\x7f-\x9f\p{Cf}]/gu, (char) =>
    Array.from(
      { length: char.length },
      (_, i) => `\\u${char.charCodeAt(i).toString(16).padStart(4, '0')}`,
    ).join(''),
  )

/** Columns as wide as their widest cell; control characters made visible, since names come from servers. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const clean = rows.map((row) => row.map(oneLine))
  const width = head.map((title, i) => Math.max(title.length, ...clean.map((row) => (row[i] ?? '').length)))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (i === cells.length - 1 ? cell : cell.padEnd(width[i] as number)))
      .join('  ')
      .trimEnd()
  return [line(head), ...clean.map(line)].join('\n')
}

export const time = (ms: number): string => new Date(ms).toISOString().replace('T', ' ').slice(0, 19)
