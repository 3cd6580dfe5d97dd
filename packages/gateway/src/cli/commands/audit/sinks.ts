import { Command } from 'commander'
import { contextOf, show, table } from '../../context.ts'

interface SinkView {
  readonly name: string
  readonly to: string
  readonly required: boolean
  readonly next?: number
  readonly behind: { readonly entries: number; readonly ms: number }
  readonly overdue: boolean
  readonly problem?: string
}

export function sinksCommand(): Command {
  return new Command('sinks')
    .description('Where entries are sent, and how far behind each sink is.')
    .action(async (_options, command: Command) => {
      const context = contextOf(command)
      const found = await context.control().call<{ sinks: SinkView[] }>('GET', '/audit/sinks')
      show(context, 'SinkList', found, () =>
        found.sinks.length === 0
          ? 'No sinks. Add them under `audit.sinks` in ostiary.yaml.'
          : table(
              ['NAME', 'TO', 'REQUIRED', 'BEHIND', 'STATE'],
              found.sinks.map((sink) => [
                sink.name,
                sink.to,
                sink.required ? 'yes' : 'no',
                behind(sink.behind),
                state(sink),
              ]),
            ),
      )
    })
}

const behind = ({ entries, ms }: SinkView['behind']): string =>
  entries === 0 ? '-' : `${entries} entries, ${Math.ceil(ms / 1000)}s`

function state({ problem, overdue, required }: SinkView): string {
  const stops = overdue && required ? '; calls are refused' : ''
  return `${problem ?? (overdue ? 'too far behind' : 'ok')}${stops}`
}
