import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ReadFile } from '@ostiary/evidence'
import { parseVkey } from '@ostiary/evidence'
import { Command } from 'commander'
import type { MirrorStatus } from '../../../audit/mirror/mirror.ts'
import { RestoreRefused, restoreLog } from '../../../audit/mirror/restore.ts'
import { MirrorContradicts, MirrorFailed } from '../../../audit/mirror/store.ts'
import { verifyMirror } from '../../../audit/mirror/verify.ts'
import { References } from '../../../credentials/resolve.ts'
import { mirrorStore } from '../../../gateway/mirror-store.ts'
import { systemClock } from '../../../lib/clock.ts'
import { refuse } from '../../../model/refusal.ts'
import { lockFolder } from '../../../store/folder-lock.ts'
import type { CliContext } from '../../context.ts'
import { contextOf, dataDirOf, show, time } from '../../context.ts'
import { CommandFailed, EXIT } from '../../exit.ts'
import { readConfig } from '../../read-config.ts'

type Status = { readonly state: 'none' } | (MirrorStatus & { readonly required: boolean })

/** The copy of the log in a second place. */
export function mirrorCommand(): Command {
  const mirror = new Command('mirror').description('The copy of the log in a second place.')
  mirror
    .command('status')
    .description('Show how far the copy has come.')
    .action(async (_options: unknown, command: Command) => {
      const context = contextOf(command)
      const status = await context.control().call<Status>('GET', '/audit/mirror')
      show(context, 'MirrorStatus', status, () => words(status))
      if (status.state === 'failing' || status.state === 'contradicted')
        throw new CommandFailed('', EXIT.failed)
    })
  mirror
    .command('verify')
    .description('Verify the whole copy, sealed content included, without the log. Needs no running gateway.')
    .option('--from <folder>', 'folder of the copied log; the place in ostiary.yaml when left out')
    .option('--held <file>', 'a checkpoint you kept: the copy must be an extension of it')
    .option(
      '--vkey <key>',
      'public key of the log, from a source you trust; that of the log here when left out',
    )
    .action(async (options: FromOptions & { held?: string }, command: Command) => {
      const context = contextOf(command)
      const vkey = options.vkey ?? (await vkeyHere(context))
      const held = options.held === undefined ? {} : { held: await readFile(options.held, 'utf8') }
      const report = await reaching(() => verifyMirror(placeOf(context, options, vkey), { vkey, ...held }))
      show(context, 'MirrorReport', report, () =>
        [
          ...(report.ok
            ? [`The copy is whole: ${report.size} entries, root ${report.root}.`]
            : report.problems.map(
                (p) => `${p.kind}${p.index === undefined ? '' : ` at entry ${p.index}`}: ${p.detail}`,
              )),
          ...(report.absentBodies === 0
            ? []
            : [`Sealed content that is not there: of ${report.absentBodies} entries.`]),
          ...(report.holdsMore
            ? [
                'There is more behind its checkpoint: a copy is under way or was interrupted, or somebody put an older checkpoint there.',
              ]
            : []),
        ].join('\n'),
      )
      if (!report.ok)
        throw new CommandFailed('The copy does not verify. Keep it as evidence.', EXIT.unverified)
    })
  return mirror
}

export function restoreCommand(): Command {
  return new Command('restore')
    .description(
      'Bring the log back from its copy into a data folder that has none. The gateway must not run.',
    )
    .option('--from <folder>', 'folder of the copied log; the place in ostiary.yaml when left out')
    .option('--vkey <key>', 'public key of the log, from a source you trust')
    .option(
      '--continue',
      'go on with the same log and key. Only when nothing was signed behind the copy; otherwise there are two histories.',
    )
    .action(async (options: FromOptions & { continue?: boolean }, command: Command) => {
      const context = contextOf(command)
      const { vkey } = options
      if (vkey === undefined)
        throw new CommandFailed(
          'Give the public key of the log with --vkey, from a receipt you kept or from a witness.',
          EXIT.usage,
        )
      const dataDir = dataDirOf(context.configPath)
      using _ = lockFolder(dataDir)
      const { report, folder, origin } = await reaching(() =>
        restoreLog({
          read: placeOf(context, options, vkey),
          dataDir,
          vkey,
          goesOn: options.continue === true,
          signer: readConfig(context.configPath).config.audit.signer,
          clock: systemClock(),
        }),
      )
      show(context, 'AuditRestored', { size: report.size, root: report.root, folder, origin }, () =>
        [
          `${report.size} entries are back in ${folder}. What the log recorded after them is lost.`,
          options.continue === true
            ? 'The log goes on. Who holds a later checkpoint or receipt will see two histories, and a witness that has seen more refuses.'
            : `That log is closed. A new one, ${origin}, has begun and names it.`,
        ].join('\n'),
      )
    })
}

interface FromOptions {
  readonly from?: string
  readonly vkey?: string
}

function placeOf(context: CliContext, { from }: FromOptions, vkey: string): ReadFile {
  if (from !== undefined) {
    if (!existsSync(join(from, 'checkpoint')))
      throw new CommandFailed(
        `There is no copy of a log in ${from}: it would hold a file named checkpoint.`,
        EXIT.usage,
      )
    return (path) => readFile(join(from, path)).catch(() => undefined)
  }
  const { config, dir } = readConfig(context.configPath)
  const { mirror } = config.audit
  if (!mirror)
    throw new CommandFailed(
      'No mirror is configured (`audit.mirror`). Give its folder with --from.',
      EXIT.usage,
    )
  const secrets = {
    open: () =>
      refuse('CREDENTIAL_UNAVAILABLE', {
        server: 'audit.mirror',
        detail: 'sealed secrets need the gateway; use {env} or {file} for this',
      }),
  }
  const references = new References({ dir, env: process.env, secrets })
  const store = mirrorStore(mirror, parseVkey(vkey)?.name ?? '', {
    dir,
    clock: systemClock(),
    resolve: (server, reference) => references.resolve(server, reference),
  })
  return (path) => store.get(path)
}

async function vkeyHere(context: CliContext): Promise<string> {
  const path = join(dataDirOf(context.configPath), 'log', 'vkey')
  return (
    await readFile(path, 'utf8').catch(() => {
      throw new CommandFailed(
        'There is no log here to take the public key from. Give it with --vkey.',
        EXIT.usage,
      )
    })
  ).trim()
}

/** What the other place says, in words for people. */
async function reaching<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof MirrorFailed || error instanceof MirrorContradicts)
      throw new CommandFailed(`The copy cannot be read: ${error.message}.`, EXIT.unreachable)
    if (error instanceof RestoreRefused) throw new CommandFailed(error.message)
    throw error
  }
}

function words(status: Status): string {
  if (status.state === 'none') return 'The log is copied nowhere. Write `audit.mirror` in ostiary.yaml.'
  const behind = status.log_size - status.size
  return [
    `${status.place}: ${status.state}`,
    `${status.size} of ${status.log_size} entries${behind === 0 ? '' : `, ${behind} behind`}`,
    status.current_at === null
      ? 'not up to date since the gateway started'
      : `everything up to ${time(status.current_at)} is there`,
    ...(status.problem === undefined ? [] : [`problem: ${status.problem}`]),
    ...(status.required ? ['Calls are refused while it is behind.'] : []),
  ].join('\n')
}
