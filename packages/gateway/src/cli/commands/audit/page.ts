import type { Command } from 'commander'
import type { Coverage, Found } from '../../../audit/questions/asked.ts'
import { parseDuration } from '../../../lib/duration.ts'
import { table } from '../../context.ts'
import { CommandFailed, EXIT } from '../../exit.ts'

/** Options of every question that comes in pages. */
export interface PageOptions {
  readonly since?: string
  readonly until?: string
  readonly count: string
  readonly after?: string
}

export const withSpan = (command: Command): Command =>
  command
    .option('--since <time>', 'from this time on: 2026-11-25, 2026-11-25T13:00Z, or 24h ago')
    .option('--until <time>', 'up to this time')

export const withPages = (command: Command): Command =>
  command
    .option('-n, --count <number>', 'rows at most, up to 1000', '100')
    .option('--after <cursor>', 'go on where the page before ended')

/** ISO 8601 in UTC. @throws CommandFailed */
export function moment(text: string | undefined, now: number = Date.now()): string | undefined {
  if (text === undefined) return undefined
  const ago = parseDuration(text)
  if (ago !== undefined) return new Date(now - ago).toISOString()
  // A time without a zone is UTC, as every time here is.
  const whole = /^\d{4}-\d\d-\d\dT[\d:.]+$/.test(text) ? `${text}Z` : text
  const at = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(whole) : Number.NaN
  if (Number.isNaN(at)) {
    throw new CommandFailed(`Write a time as 2026-11-25, 2026-11-25T13:00Z or 24h, not ${text}.`, EXIT.usage)
  }
  return new Date(at).toISOString()
}

export const spanOf = ({ since, until }: { since?: string; until?: string }) => ({
  ...(since === undefined ? {} : { since: moment(since) as string }),
  ...(until === undefined ? {} : { until: moment(until) as string }),
})

/** @throws CommandFailed */
export function pagingOf({ count, after }: PageOptions) {
  const rows = Number(count)
  if (!Number.isSafeInteger(rows) || rows < 1 || rows > 1000)
    throw new CommandFailed('Write --count as a number from 1 to 1000.', EXIT.usage)
  return { count: rows, ...(after === undefined ? {} : { after }) }
}

export const queryOf = (values: Readonly<Record<string, string | number | boolean | undefined>>): string => {
  const set = Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as [string, string]],
  )
  return new URLSearchParams(set).toString()
}

const HEAD = ['index', 'time', 'type', 'what', 'result', 'trace']

/** Found entries as people read them, with more columns in front when given. */
export const rowsTable = <F extends Found>(
  rows: readonly F[],
  head: readonly string[] = [],
  more: (row: F) => readonly string[] = () => [],
): string =>
  table(
    [...HEAD.slice(0, 2), ...head, ...HEAD.slice(2)],
    rows.map((row) => [
      String(row.index),
      row.at,
      ...more(row),
      row.type,
      [row.server, row.name].filter(Boolean).join('/') || (row.method ?? ''),
      [row.outcome, row.code].filter(Boolean).join(' '),
      row.trace?.slice(0, 8) ?? '',
    ]),
  )

/** What an answer covers, where it goes on, and how a row is proved. */
export function foot({
  covers,
  next,
}: {
  readonly covers: readonly Coverage[]
  readonly next: string | undefined
}): string {
  const sizes = covers.map(({ log, from = 0, size }) => `entries ${from} to ${size - 1} of ${log}`).join(', ')
  return [
    '',
    `Covers ${sizes}. Prove a row: ostiary audit show <index> --receipt <file>`,
    ...(next === undefined ? [] : [`There is more: --after ${next}`]),
  ].join('\n')
}
