import { join } from 'node:path'
import { Command } from 'commander'
import { LogFolder } from '../../../audit/log-folder.ts'
import { exportParquet } from '../../../audit/parquet/export.ts'
import { closedMonths, firstSince } from '../../../audit/parquet/months.ts'
import { contextOf, dataDirOf, show } from '../../context.ts'
import { CommandFailed, EXIT } from '../../exit.ts'
import { spanOf, withSpan } from './page.ts'

interface Options {
  readonly parquet: string
  readonly month?: string
  readonly since?: string
  readonly until?: string
}

export function exportCommand(): Command {
  const command = new Command('export')
    .description(
      'Write the searchable rows of months that are over, or of a span, to files of Parquet named by their range of the log. Needs no running gateway; what is there already is left as it is.',
    )
    .requiredOption('--parquet <folder>', 'where to')
    .option('--month <month>', 'only this one, e.g. 2026-10')
  return withSpan(command).action(async (options: Options, self: Command) => {
    const context = contextOf(self)
    const folder = await LogFolder.at(join(dataDirOf(context.configPath), 'log'))
    let told = 0
    const exported = await exportParquet(
      folder,
      options.parquet,
      await rangesOf(folder, options),
      (done, of) => {
        if (done - told < 100_000) return
        told = done
        context.say(`${done} of ${of} entries`)
      },
    )
    show(context, 'AuditExport', { exported }, () =>
      exported.length === 0
        ? 'There was nothing to write.'
        : exported
            .map(
              ({ range, rows, files }) =>
                `entries ${range.from} to ${range.to - 1}, ${rows} rows\n  ${files.join('\n  ')}`,
            )
            .join('\n'),
    )
  })
}

async function rangesOf(
  folder: LogFolder,
  options: Options,
): Promise<readonly { from: number; to: number }[]> {
  const { month } = options
  const { since, until } = spanOf(options)
  if (month !== undefined && !/^\d{4}-(0[1-9]|1[0-2])$/.test(month))
    throw new CommandFailed('Write --month as 2026-10.', EXIT.usage)
  if (since === undefined && until === undefined) return await closedMonths(folder, Date.now(), month)
  const { size } = await folder.checkpoint()
  const from = since === undefined ? 0 : await firstSince(folder, size, Date.parse(since))
  const to = until === undefined ? size : await firstSince(folder, size, Date.parse(until))
  return from < to ? [{ from, to }] : []
}
