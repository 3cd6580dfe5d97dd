import { Agent } from '@ostiary/agent'
import { Command } from 'commander'
import { contextOf, show, table, time } from '../context.ts'

interface TaskView {
  readonly id: string
  readonly agent_name?: string
  readonly template: string
  readonly purpose: string
  readonly state: string
  readonly end?: string
  readonly expires_at: number
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
    .action(
      async (
        template: string,
        options: { state: string; purpose?: string; subject?: string },
        command: Command,
      ) => {
        const context = contextOf(command)
        await using agent = new Agent({ stateDir: options.state })
        const { state: _, ...input } = options
        const opened = await agent.openTask({ template, ...input })
        show(
          context,
          'TaskOpened',
          opened,
          () =>
            `${opened.task.id} is open until ${time(opened.task.expires_at)} UTC; servers: ${opened.servers.join(', ')}`,
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
      show(context, 'Task', { task: closed }, () => `${id} has ended (${closed.end}).`)
    })
  return task
}
