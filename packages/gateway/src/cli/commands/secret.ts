import { Command } from 'commander'
import { contextOf, show, table, time } from '../context.ts'
import { CommandFailed, EXIT } from '../exit.ts'

export function secretCommand(): Command {
  const secret = new Command('secret').description(
    'Upstream secrets, sealed at rest. No command shows a value.',
  )
  secret
    .command('put')
    .description('Seal a secret read from standard input.')
    .argument('<name>')
    .action(async (name: string, _options, command: Command) => {
      const context = contextOf(command)
      if (process.stdin.isTTY) context.say('Type the secret, then Ctrl-D:')
      let value = ''
      for await (const chunk of process.stdin) value += String(chunk)
      value = value.replace(/\r?\n$/, '')
      if (value === '') throw new CommandFailed('The secret is empty.', EXIT.usage)
      const { secret: sealed } = await context
        .control()
        .call<{ secret: { version: number } }>('PUT', `/secrets/${encodeURIComponent(name)}`, { value })
      show(
        context,
        'Secret',
        { name, version: sealed.version },
        () => `Sealed ${name}, version ${sealed.version}. Refer to it as { broker: "sealed:${name}" }.`,
      )
    })
  secret
    .command('list')
    .description('List sealed secrets by name.')
    .action(async (_options, command: Command) => {
      const context = contextOf(command)
      const { secrets } = await context
        .control()
        .call<{ secrets: { name: string; version: number; created_at: number }[] }>('GET', '/secrets')
      show(context, 'SecretList', { secrets }, () =>
        table(
          ['NAME', 'VERSION', 'SEALED (UTC)'],
          secrets.map((s) => [s.name, String(s.version), time(s.created_at)]),
        ),
      )
    })
  secret
    .command('destroy')
    .description('Destroy every version of a secret.')
    .argument('<name>')
    .action(async (name: string, _options, command: Command) => {
      const context = contextOf(command)
      await context.control().text('DELETE', `/secrets/${encodeURIComponent(name)}`)
      show(context, 'SecretDestroyed', { name }, () => `${name} is destroyed.`)
    })
  return secret
}
