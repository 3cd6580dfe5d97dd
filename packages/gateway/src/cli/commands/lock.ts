import { Command } from 'commander'
import { parseDuration } from '../../lib/duration.ts'
import { contextOf, show, table, time } from '../context.ts'
import { CommandFailed, EXIT } from '../exit.ts'

interface LockView {
  readonly id: string
  readonly scope: string
  readonly target: string
  readonly why: string
  readonly set_by: string
  readonly set_at: number
  readonly expires_at?: number
}

export function lockCommand(): Command {
  const lock = new Command('lock').description('The off switches.')
  lock
    .command('set')
    .description('Stop everything in a scope: next calls are refused, open ones ended.')
    .argument('<scope>', 'global, agent, instance, task, server or tool')
    .argument('[target]', 'which one: a name or id, server/tool for a tool; nothing for global')
    .requiredOption('--why <text>', 'shown to whoever is locked out')
    .option('--for <duration>', 'how long, e.g. 30m; until lifted when left out')
    .action(
      async (
        scope: string,
        target: string | undefined,
        options: { why: string; for?: string },
        command: Command,
      ) => {
        const context = contextOf(command)
        const ttl = options.for === undefined ? undefined : parseDuration(options.for)
        if (options.for !== undefined && ttl === undefined)
          throw new CommandFailed('Write --for as 90s, 15m, 8h or 2d.', EXIT.usage)
        if (scope !== 'global' && target === undefined)
          throw new CommandFailed(`Say which ${scope} to lock.`, EXIT.usage)
        const { lock: set } = await context.control().call<{ lock: LockView }>('POST', '/locks', {
          scope,
          target: target ?? '*',
          why: options.why,
          ...(ttl === undefined ? {} : { ttl_ms: ttl }),
        })
        show(
          context,
          'Lock',
          { lock: set },
          () => `${set.id}: ${scope} ${set.target} is locked. Lift it with: ostiary lock lift ${set.id}`,
        )
      },
    )
  lock
    .command('list')
    .description('List the locks in force.')
    .action(async (_options, command: Command) => {
      const context = contextOf(command)
      const { locks } = await context.control().call<{ locks: LockView[] }>('GET', '/locks')
      show(context, 'LockList', { locks }, () =>
        locks.length === 0
          ? 'No locks are in force.'
          : table(
              ['LOCK', 'SCOPE', 'TARGET', 'BY', 'SINCE (UTC)', 'UNTIL', 'WHY'],
              locks.map((l) => [
                l.id,
                l.scope,
                l.target,
                l.set_by,
                time(l.set_at),
                l.expires_at ? time(l.expires_at) : '(no end)',
                l.why,
              ]),
            ),
      )
    })
  lock
    .command('lift')
    .description('Lift a lock. What it ended stays ended.')
    .argument('<lock>')
    .action(async (id: string, _options, command: Command) => {
      const context = contextOf(command)
      const lifted = await context
        .control()
        .call<{ lock?: LockView; proposal?: { expires_at: number } }>(
          'POST',
          `/locks/${encodeURIComponent(id)}/lift`,
        )
      show(context, 'Lock', lifted, () =>
        lifted.proposal
          ? `It takes two: another security officer has to lift it too before ${time(lifted.proposal.expires_at)} UTC.`
          : `${id} is lifted.`,
      )
    })
  return lock
}
