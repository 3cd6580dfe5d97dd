import { Command } from 'commander'
import { contextOf, show, time } from '../context.ts'

interface Status {
  readonly version: string
  readonly url: string
  readonly log: {
    readonly origin: string
    readonly size: number
    readonly level: {
      readonly name: string
      readonly witnesses: readonly { readonly witness: string; readonly time: number }[]
      readonly witnessedSize: number
    }
  }
  readonly open: { readonly tasks: number; readonly calls: number }
  readonly locks: number
}

export const statusCommand = (): Command =>
  new Command('status')
    .description('What the gateway is doing, and how far its log can be believed.')
    .action(async (_options, command: Command) => {
      const context = contextOf(command)
      const status = await context.control().call<Status>('GET', '/status')
      const { log, open } = status
      const { level } = log
      show(context, 'Status', status, () =>
        [
          `Ostiary ${status.version} on ${status.url}`,
          `open: ${open.tasks} tasks, ${open.calls} calls; locks: ${status.locks}`,
          `log: ${log.origin}, ${log.size} entries`,
          `assurance level: ${level.name}`,
          ...(level.name === 'local'
            ? []
            : [`  ${level.witnessedSize} entries are witnessed, ${log.size - level.witnessedSize} not yet`]),
          ...level.witnesses.map((w) => `  ${w.witness} cosigned at ${time(w.time * 1000)} (UTC)`),
        ].join('\n'),
      )
    })
