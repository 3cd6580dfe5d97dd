import { Command } from 'commander'
import type { Page } from '../../../audit/questions/asked.ts'
import type { Saw } from '../../../audit/questions/who-saw.ts'
import { contextOf, show } from '../../context.ts'
import type { PageOptions } from './page.ts'
import { foot, pagingOf, rowsTable, spanOf, withPages, withSpan } from './page.ts'
import { askParquet, withParquet } from './parquet.ts'

type Row = Saw & { readonly agent_name?: string }
type Answer = Page<Row> & { readonly subject: string }

export function whoSawCommand(): Command {
  const command = new Command('who-saw')
    .description(
      'Who had to do with data about a subject: agent, instance, person, purpose, tool and outcome, newest first. That you asked is recorded.',
    )
    .argument('<subject>', 'its name, or its pseudonym (sbj_…); only the pseudonym with --from-parquet')
  return withParquet(withPages(withSpan(command))).action(
    async (subject: string, options: PageOptions & { readonly fromParquet?: string }, self: Command) => {
      const context = contextOf(self)
      const asked = { subject, ...spanOf(options), ...pagingOf(options) }
      const page: Answer =
        options.fromParquet === undefined
          ? await context.control().call<Answer>('POST', '/audit/who-saw', asked)
          : { subject, ...(await askParquet(context, options.fromParquet, (ask) => ask.whoSaw(asked))) }
      show(context, 'AuditWhoSaw', page, () =>
        [
          `Subject ${page.subject}`,
          '',
          rowsTable(page.rows, ['agent', 'instance', 'for', 'purpose'], (row) => [
            row.agent_name ?? row.agent ?? row.operator ?? '',
            row.instance ?? '',
            row.person ?? '',
            row.purpose ?? '',
          ]),
          foot(page),
        ].join('\n'),
      )
    },
  )
}
