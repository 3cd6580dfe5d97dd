import { Command } from 'commander'
import type { Step, Timeline } from '../../../audit/questions/timeline.ts'
import { contextOf, show } from '../../context.ts'
import { CommandFailed } from '../../exit.ts'
import type { PageOptions } from './page.ts'
import { foot, pagingOf, queryOf, rowsTable, withPages } from './page.ts'
import { askParquet, withParquet } from './parquet.ts'

export function timelineCommand(): Command {
  const command = new Command('timeline')
    .description(
      'Everything about a task and the tasks it handed on, in order: calls, denials, locks, leases, endorsements, delegations.',
    )
    .argument('<task>', 'tsk_…, or a trace id (32 hex digits) as OpenTelemetry shows it')
  return withParquet(withPages(command)).action(
    async (task: string, options: PageOptions & { readonly fromParquet?: string }, self: Command) => {
      const context = contextOf(self)
      const paging = pagingOf(options)
      const found =
        options.fromParquet === undefined
          ? await context
              .control()
              .call<Timeline>('GET', `/audit/timeline/${encodeURIComponent(task)}?${queryOf(paging)}`)
          : await askParquet(context, options.fromParquet, (ask) => ask.timeline(task, paging))
      if (!found) throw new CommandFailed(`No entry is about ${task}.`)
      show(
        context,
        'AuditTimeline',
        found,
        () =>
          `${rowsTable(found.rows, ['task', 'who', 'detail'], (step) => [
            step.task ?? '',
            step.operator ?? step.agent ?? 'gateway',
            detailOf(step),
          ])}\n${foot(found)}`,
      )
    },
  )
}

const TOLD = ['purpose', 'template', 'end', 'parent', 'to_agent', 'credential', 'lease', 'scope', 'target']

const detailOf = ({ data = {} }: Step): string =>
  TOLD.flatMap((key) =>
    data[key] === undefined || data[key] === null ? [] : [`${key}=${String(data[key]).slice(0, 80)}`],
  ).join(' ')
