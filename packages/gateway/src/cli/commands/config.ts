import { Command } from 'commander'
import { contextOf, show } from '../context.ts'
import { readConfig } from '../read-config.ts'

export function configCommand(): Command {
  const config = new Command('config').description('The configuration file.')
  config
    .command('check')
    .description('Check ostiary.yaml; every problem with its line and column.')
    .action((_options, command: Command) => {
      const context = contextOf(command)
      const { path, digest } = readConfig(context.configPath)
      show(context, 'ConfigCheck', { path, digest }, () => `${path} is valid.`)
    })
  config
    .command('reload')
    .description('Have the running gateway read it now.')
    .action(async (_options, command: Command) => {
      const context = contextOf(command)
      const loaded = await context
        .control()
        .call<{ digest: string; waiting_for_start: string[] }>('POST', '/reload')
      const waiting = loaded.waiting_for_start.join(', ')
      show(context, 'ConfigReload', loaded, () =>
        [
          `Loaded, digest ${loaded.digest.slice(0, 16)}.`,
          ...(waiting === '' ? [] : [`Taken into use at the next start: ${waiting}.`]),
        ].join('\n'),
      )
    })
  return config
}
