import { Command } from 'commander'
import type { SecretInfo } from '../../credentials/secrets.ts'
import { parseDuration } from '../../lib/duration.ts'
import { contextOf, show, table, time } from '../context.ts'
import { CommandFailed, EXIT } from '../exit.ts'

export function secretCommand(): Command {
  const secret = new Command('secret').description(
    'Upstream secrets, sealed at rest. No command shows a value.',
  )
  secret
    .command('put')
    .description('Seal a secret read from standard input; a new value of one that is there replaces it.')
    .argument('<name>')
    .option('--grace <duration>', 'for how long the value before can be gone back to', '24h')
    .action(async (name: string, options: { grace: string }, command: Command) => {
      const grace_ms = parseDuration(options.grace)
      if (grace_ms === undefined)
        throw new CommandFailed('--grace: write a duration such as 90s, 15m, 8h or 2d', EXIT.usage)
      const context = contextOf(command)
      if (process.stdin.isTTY) context.say('Type the secret, then Ctrl-D:')
      let value = ''
      for await (const chunk of process.stdin) value += String(chunk)
      value = value.replace(/\r?\n$/, '')
      if (value === '') throw new CommandFailed('The secret is empty.', EXIT.usage)
      const { secret: sealed } = await context
        .control()
        .call<{ secret: { version: number } }>('PUT', `/secrets/${encodeURIComponent(name)}`, {
          value,
          grace_ms,
        })
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
      const { secrets } = await context.control().call<{ secrets: SecretInfo[] }>('GET', '/secrets')
      show(context, 'SecretList', { secrets }, () =>
        table(
          ['NAME', 'VERSION', 'SEALED (UTC)', 'REPLACED, KEPT UNTIL'],
          secrets.map((s) => [
            s.name,
            String(s.version),
            time(s.created_at),
            s.retires_at === null ? '' : time(s.retires_at),
          ]),
        ),
      )
    })
  secret
    .command('rollback')
    .description('Go back to the value before, while its grace lasts. The newest one is destroyed.')
    .argument('<name>')
    .action(async (name: string, _options, command: Command) => {
      const context = contextOf(command)
      const { secret: restored } = await context
        .control()
        .call<{ secret: SecretInfo }>('POST', `/secrets/${encodeURIComponent(name)}/rollback`, {})
      show(
        context,
        'Secret',
        { name, version: restored.version },
        () => `${name} is version ${restored.version} again, from the next call on.`,
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
