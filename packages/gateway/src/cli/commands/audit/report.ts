import { writeFile } from 'node:fs/promises'
import { Command } from 'commander'
import type { Report } from '../../../audit/questions/report.ts'
import { reportHtml } from '../../../audit/questions/report-html.ts'
import { contextOf, show } from '../../context.ts'
import { moment, queryOf } from './page.ts'

interface Options {
  readonly from?: string
  readonly to?: string
  readonly out: string
}

export function reportCommand(): Command {
  return new Command('report')
    .description(
      'Write a report of a time as one HTML page without scripts, fit for printing: identities, tasks, calls, denials, approvals, locks, changes, proofs.',
    )
    .option('--from <time>', 'from this day on; 30 days ago when left out')
    .option('--to <time>', 'up to the end of this day')
    .requiredOption('--out <file>', 'where to')
    .action(async ({ from, to, out }: Options, self: Command) => {
      const context = contextOf(self)
      const query = queryOf({ from: moment(from), to: moment(to) })
      const report = await context.control().call<Report>('GET', `/audit/report?${query}`)
      await writeFile(out, reportHtml(report), { mode: 0o600 })
      show(context, 'AuditReport', report, () => `The report of ${report.from} to ${report.to} is in ${out}.`)
    })
}
