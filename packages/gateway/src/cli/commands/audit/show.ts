import { writeFile } from 'node:fs/promises'
import { Command } from 'commander'
import { contextOf, show } from '../../context.ts'

export function showCommand(): Command {
  return new Command('show')
    .description('Show one entry with its proof.')
    .argument('<index>')
    .option('--receipt <file>', 'write an offline-verifiable receipt')
    .action(async (index: string, options: { receipt?: string }, command: Command) => {
      const context = contextOf(command)
      const found = await context
        .control()
        .call<{ index: number; leaf: string; entry: object; receipt: string }>(
          'GET',
          `/audit/entries/${encodeURIComponent(index)}`,
        )
      if (options.receipt !== undefined) await writeFile(options.receipt, found.receipt)
      show(
        context,
        'AuditEntry',
        found,
        () => `${JSON.stringify(found.entry, null, 2)}\n\nleaf ${found.leaf}\n\n${found.receipt}`,
      )
    })
}
