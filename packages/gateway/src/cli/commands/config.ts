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
      const { digest } = await context.control().call<{ digest: string }>('POST', '/reload')
      show(context, 'ConfigReload', { digest }, () => `Loaded, digest ${digest.slice(0, 16)}.`)
    })
  return config
}
