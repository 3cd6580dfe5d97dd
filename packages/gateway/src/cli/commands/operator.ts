import { Command } from 'commander'
import { contextOf, show, table, time } from '../context.ts'

interface OperatorView {
  readonly name: string
  readonly roles: readonly string[]
  readonly status: string
  readonly source: string
}

const list = (roles: string): string[] =>
  roles
    .split(',')
    .map((role) => role.trim())
    .filter((role) => role !== '')

export function operatorCommand(): Command {
  const operator = new Command('operator').description(
    'People who sign in at the gateway: operators, approvers, auditors.',
  )
  operator
    .command('list')
    .description('List people and their roles.')
    .action(async (_options, command: Command) => {
      const context = contextOf(command)
      const found = await context.control().call<{ operators: OperatorView[] }>('GET', '/operators')
      show(context, 'OperatorList', found, () =>
        found.operators.length === 0
          ? 'Nobody yet. Add the first: ostiary operator add <name> --roles security-officer'
          : table(
              ['NAME', 'STATUS', 'ROLES', 'FROM'],
              found.operators.map((o) => [o.name, o.status, o.roles.join(', '), o.source]),
            ),
      )
    })
  operator
    .command('add')
    .description('Add a person. Give them a link to sign in with: ostiary operator link <name>')
    .argument('<name>', 'e.g. an e-mail address')
    .requiredOption('--roles <list>', 'of viewer, approver, operator, security-officer, auditor')
    .action(async (name: string, options: { roles: string }, command: Command) => {
      const context = contextOf(command)
      const added = await context
        .control()
        .call<{ operator: OperatorView }>('POST', '/operators', { name, roles: list(options.roles) })
      show(context, 'Operator', added, () => `Added ${name}. Sign-in link: ostiary operator link ${name}`)
    })
  operator
    .command('roles')
    .description('Give a person other roles; their sessions end.')
    .argument('<name>')
    .argument('<list>', 'comma-separated; an empty text takes all away')
    .action(async (name: string, roles: string, _options, command: Command) => {
      const context = contextOf(command)
      const changed = await context
        .control()
        .call<{ operator: OperatorView }>('POST', `/operators/${encodeURIComponent(name)}/roles`, {
          roles: list(roles),
        })
      show(context, 'Operator', changed, () => `${name}: ${changed.operator.roles.join(', ') || 'no role'}.`)
    })
  operator
    .command('link')
    .description('Make a link with which a person signs in once, within ten minutes.')
    .argument('<name>')
    .action(async (name: string, _options, command: Command) => {
      const context = contextOf(command)
      const link = await context
        .control()
        .call<{ url: string; expires_at: number }>('POST', `/operators/${encodeURIComponent(name)}/link`)
      show(
        context,
        'SignInLink',
        link,
        () => `${link.url}\n\nGood once, until ${time(link.expires_at)} UTC. Hand it to ${name} alone.`,
      )
    })
  operator
    .command('disable')
    .description('A person signs in no more; their sessions end now.')
    .argument('<name>')
    .action(async (name: string, _options, command: Command) => {
      const context = contextOf(command)
      const changed = await context
        .control()
        .call<{ operator: OperatorView }>('POST', `/operators/${encodeURIComponent(name)}/disable`)
      show(context, 'Operator', changed, () => `${name} is disabled.`)
    })
  return operator
}
