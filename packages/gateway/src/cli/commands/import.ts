import { homedir, userInfo } from 'node:os'
import { createInterface } from 'node:readline/promises'
import { Command } from 'commander'
import { systemClock } from '../../lib/clock.ts'
import { undo } from '../../registry/import/apply.ts'
import type { Found, ImportPlan } from '../../registry/import/client-config.ts'
import { discover, plan } from '../../registry/import/client-config.ts'
import type { CliContext } from '../context.ts'
import { contextOf, dataDirOf, printable, show } from '../context.ts'
import { CommandFailed, EXIT } from '../exit.ts'
import { performImport } from '../import/perform.ts'
import { describePlan, planView } from '../import/plan-view.ts'
import { readConfig } from '../read-config.ts'

export const importCommand = (): Command =>
  new Command('import')
    .description(
      'Put the MCP servers of your clients (Claude Desktop, Claude Code, Cursor, VS Code) behind the gateway.',
    )
    .option('--dry-run', 'show what would be done, and stop')
    .option('--yes', 'do it without asking')
    .option('--sponsor <person>', 'who answers for these agents; your account when left out')
    .option('--undo', 'put every client configuration back, byte for byte')
    .option('--force', 'with --undo: also where the file was edited since (a copy of the edit is kept)')
    .action(async (options: ImportOptions, command: Command) => {
      const context = contextOf(command)
      if (options.undo) return takeBack(context, options.force ?? false)
      const env = { home: homedir(), cwd: process.cwd(), platform: process.platform, env: process.env }
      const found = await discover(env)
      const planned = plan(found, env, Object.keys(readConfig(context.configPath).config.servers))
      if (options.dryRun || planned.servers.length === 0) {
        return show(context, 'ImportPlan', planView(planned), () => describePlan(planned))
      }
      if (!context.json) context.out(printable(describePlan(planned)))
      await confirm(context, options.yes ?? false)
      await carryOut(context, found, planned, options.sponsor ?? userInfo().username)
    })

interface ImportOptions {
  readonly dryRun?: boolean
  readonly yes?: boolean
  readonly sponsor?: string
  readonly undo?: boolean
  readonly force?: boolean
}

async function confirm(context: CliContext, yes: boolean): Promise<void> {
  if (yes) return
  if (!process.stdin.isTTY) {
    throw new CommandFailed(
      'Nothing was done: say --yes to import without being asked, or --dry-run to only look.',
      EXIT.usage,
    )
  }
  const prompt = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await prompt.question(
    'Register and run these, and rewrite the client files (with a backup)? [y/N] ',
  )
  prompt.close()
  if (!/^y(es)?$/i.test(answer.trim())) throw new CommandFailed('Nothing was done.', EXIT.ok)
  context.say('')
}

async function carryOut(
  context: CliContext,
  found: readonly Found[],
  planned: ImportPlan,
  sponsor: string,
): Promise<void> {
  const done = await performImport({ context, found, planned, sponsor, clock: systemClock() })
  show(context, 'Import', done, () =>
    [
      `Registered ${done.servers.join(', ')}; rewrote ${done.files.join(', ')}.`,
      ...done.leftovers.map(
        (left) => `Look: ${left} still holds a secret outside of what was rewritten, e.g. in a comment.`,
      ),
      '',
      'Their tools stay unusable until you approve them:',
      ...done.servers.map(
        (server) =>
          `  ostiary tool list --server ${server}     then: ostiary tool approve ${server}/<tool>   (or '${server}/*')`,
      ),
      'Then restart your client. To put everything back: ostiary import --undo',
    ].join('\n'),
  )
}

function takeBack(context: CliContext, force: boolean): void {
  const undone = undo({ dataDir: dataDirOf(context.configPath), force })
  const words = {
    restored: 'is as it was before the import',
    untouched: 'was as before already',
    edited: 'was edited since the import and left alone; --force restores it and keeps a copy of the edit',
    forced: 'is as it was before the import; the edited file was kept',
    damaged: 'cannot be restored: its backup is not intact',
  }
  show(context, 'ImportUndo', { files: undone }, () =>
    undone.length === 0
      ? 'There is no import to take back.'
      : undone
          .map(({ file, outcome, copy }) => `${file} ${words[outcome]}${copy ? ` in ${copy}` : ''}.`)
          .join('\n'),
  )
  if (undone.some(({ outcome }) => outcome === 'edited' || outcome === 'damaged')) throw new CommandFailed('')
}
