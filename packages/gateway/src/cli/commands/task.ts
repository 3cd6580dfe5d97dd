import { Agent } from '@ostiary/agent'
import { Command } from 'commander'
import { contextOf, show, table, time } from '../context.ts'
import { readText } from '../read-text.ts'

interface TaskView {
  readonly id: string
  readonly agent_name?: string
  readonly template: string
  readonly purpose: string
  readonly state: string
  readonly end?: string
  readonly expires_at: number
}

interface LeaseView {
  readonly id: string
  readonly server: string
  readonly broker: string
  readonly state: string
  readonly attempts: number
  readonly last_error: string | null
}

interface TaskDetails {
  readonly task: TaskView
  readonly spent: Readonly<Record<string, number>>
  readonly leases: readonly LeaseView[]
}

export function taskCommand(): Command {
  const task = new Command('task').description('Tasks: what agents are doing, on whose behalf, until when.')
  task
    .command('open')
    .description('Open a task as an enrolled instance.')
    .argument('<template>')
    .requiredOption('--state <folder>', 'private folder of the instance')
    .option('--purpose <text>')
    .option('--subject <id>')
    .option('--request <text>', 'what the person asked for, in their words; @file reads it from a file')
    .action(
      async (
        template: string,
        options: { state: string; purpose?: string; subject?: string; request?: string },
        command: Command,
      ) => {
        const context = contextOf(command)
        await using agent = new Agent({ stateDir: options.state })
        const { state: _, request, ...input } = options
        const opened = await agent.openTask({
          template,
          ...input,
          ...(request === undefined ? {} : { request: await readText(request) }),
        })
        show(
          context,
          'TaskOpened',
          opened,
          () =>
            `${opened.task.id} is open until ${time(opened.task.expires_at)} UTC; servers: ${opened.servers.join(', ')}${opened.models?.length ? `; models of: ${opened.models.join(', ')}` : ''}`,
        )
      },
    )
  task
    .command('list')
    .description('List open tasks.')
    .option('--all', 'ended ones too')
    .action(async (options: { all?: boolean }, command: Command) => {
      const context = contextOf(command)
      const { tasks } = await context
        .control()
        .call<{ tasks: TaskView[] }>('GET', `/tasks${options.all ? '?all' : ''}`)
      show(context, 'TaskList', { tasks }, () =>
        tasks.length === 0
          ? 'No tasks are open.'
          : table(
              ['TASK', 'AGENT', 'TEMPLATE', 'STATE', 'UNTIL (UTC)', 'PURPOSE'],
              tasks.map((t) => [
                t.id,
                t.agent_name ?? '',
                t.template,
                t.end ?? t.state,
                time(t.expires_at),
                t.purpose,
              ]),
            ),
      )
    })
  task
    .command('close')
    .description('End a task: its tokens are dead and its open calls ended when this returns.')
    .argument('<task>')
    .action(async (id: string, _options, command: Command) => {
      const context = contextOf(command)
      const { task: closed } = await context
        .control()
        .call<{ task: TaskView }>('POST', `/tasks/${encodeURIComponent(id)}/close`, {})
      show(context, 'Task', { task: closed }, () =>
        closed.state === 'closed'
          ? `${id} has ended (${closed.end}).`
          : `${id} has ended (${closed.end}); a credential is not revoked yet: ostiary task show ${id}`,
      )
    })
  task
    .command('show')
    .description('Show a task: what it may do, what it has spent, and its credentials.')
    .argument('<task>')
    .action(async (id: string, _options, command: Command) => {
      const context = contextOf(command)
      const found = await context.control().call<TaskDetails>('GET', `/tasks/${encodeURIComponent(id)}`)
      show(context, 'TaskDetails', found, () =>
        [
          `${found.task.id}: ${found.task.end ?? found.task.state}, ${found.task.template}, until ${time(found.task.expires_at)} UTC`,
          found.task.purpose,
          `spent: ${Object.entries(found.spent)
            .map(([name, count]) => `${count} ${name}`)
            .join(', ')}`,
          ...(found.leases.length === 0 ? [] : [leaseTable(found.leases)]),
        ].join('\n'),
      )
    })
  task
    .command('leases')
    .description(
      'List upstream credentials that may be good now, those that could not be revoked first to look at.',
    )
    .action(async (_options, command: Command) => {
      const context = contextOf(command)
      const found = await context.control().call<{ leases: LeaseView[] }>('GET', '/leases')
      show(context, 'LeaseList', found, () =>
        found.leases.length === 0 ? 'No credential is out.' : leaseTable(found.leases),
      )
    })
  for (const [verb, description] of [
    ['pause', 'Refuse the calls of a task, and of what hangs below it, until it is resumed.'],
    ['resume', 'Let a paused task go on.'],
  ] as const) {
    task
      .command(verb)
      .description(description)
      .argument('<task>')
      .action(async (id: string, _options, command: Command) => {
        const context = contextOf(command)
        const { task: changed } = await context
          .control()
          .call<{ task: TaskView }>('POST', `/tasks/${encodeURIComponent(id)}/${verb}`)
        show(context, 'Task', { task: changed }, () => `${id} is ${changed.state}.`)
      })
  }
  return task
}

const leaseTable = (leases: readonly LeaseView[]): string =>
  table(
    ['LEASE', 'SERVER', 'CREDENTIAL', 'STATE', 'TRIES', 'PROBLEM'],
    leases.map((l) => [l.id, l.server, l.broker, l.state, String(l.attempts), l.last_error ?? '']),
  )
