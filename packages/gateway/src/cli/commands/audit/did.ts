import { Command } from 'commander'
import type { Found, Page } from '../../../audit/questions/asked.ts'
import { contextOf, show } from '../../context.ts'
import type { PageOptions } from './page.ts'
import { foot, pagingOf, queryOf, rowsTable, spanOf, withPages, withSpan } from './page.ts'
import { askParquet, withParquet } from './parquet.ts'

interface Options extends PageOptions {
  readonly instance?: string
  readonly tool?: string
  readonly denied?: boolean
  readonly fromParquet?: string
}

export function didCommand(): Command {
  const command = new Command('did')
    .description(
      'What an agent did, newest first: each call with its outcome, and what was done for it and to it.',
    )
    .argument('<agent>', 'its name; its id (agt_…) with --from-parquet')
    .option('--instance <id>', 'only this instance')
    .option('--tool <tool>', 'only this server, or server/tool')
    .option('--denied', 'only what was refused')
  return withParquet(withPages(withSpan(command))).action(
    async (agent: string, options: Options, self: Command) => {
      const context = contextOf(self)
      const { instance, tool, denied, fromParquet } = options
      const asked = { agent, instance, tool, ...spanOf(options), ...pagingOf(options) }
      const page =
        fromParquet === undefined
          ? await context
              .control()
              .call<Page<Found>>(
                'GET',
                `/audit/did?${queryOf({ ...asked, denied: denied ? 'true' : undefined })}`,
              )
          : await askParquet(context, fromParquet, (ask) => ask.did({ ...asked, denied }))
      show(
        context,
        'AuditDid',
        page,
        () => `${rowsTable(page.rows, ['task'], ({ task }) => [task ?? ''])}\n${foot(page)}`,
      )
    },
  )
}
