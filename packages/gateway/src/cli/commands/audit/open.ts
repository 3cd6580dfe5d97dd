import { Command } from 'commander'
import { contextOf, show } from '../../context.ts'

export function openCommand(): Command {
  return new Command('open')
    .description('Show the content that is sealed beside an entry. That you looked is recorded.')
    .argument('<index>', 'of an entry that has a `body`')
    .action(async (index: string, _options: unknown, command: Command) => {
      const context = contextOf(command)
      const found = await context
        .control()
        .call<{ content: object }>('POST', `/audit/entries/${encodeURIComponent(index)}/open`)
      show(context, 'AuditContent', found, () => JSON.stringify(found.content, null, 2))
    })
}
