import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LogReport, Policy } from '@ostiary/evidence'
import { canonicalize, verifyLog, verifyReceipt } from '@ostiary/evidence'
import { Command } from 'commander'
import type { Level } from '../../../audit/level.ts'
import { levelOf } from '../../../audit/level.ts'
import { readWitnessPolicy } from '../../../config/witness-policy.ts'
import type { CliContext } from '../../context.ts'
import { contextOf, dataDirOf, show, time } from '../../context.ts'
import { CommandFailed, EXIT } from '../../exit.ts'
import { readNamed } from '../../read-named.ts'

export function verifyCommand(): Command {
  return new Command('verify')
    .description('Verify the whole log from its files, or one receipt. Needs no running gateway.')
    .option('--log <folder>', 'folder of the log; that of this gateway when left out')
    .option('--held <file>', 'a checkpoint you kept: the log must be an extension of it')
    .option('--vkey <key>', 'public key of the log, from a source you trust')
    .option('--policy <file>', 'witnesses to believe (C2SP tlog-policy): their quorum must have cosigned')
    .option('--receipt <file>', 'verify this receipt instead, with --entry')
    .option('--entry <file>', 'the entry the receipt is for, as JSON')
    .action(async (options: VerifyOptions, command: Command) => {
      const context = contextOf(command)
      const dir = options.log ?? join(dataDirOf(context.configPath), 'log')
      const policy = options.policy === undefined ? undefined : readWitnessPolicy(options.policy)
      // The key in the folder proves nothing where the policy names the log.
      const fromPolicy = options.vkey === undefined && policy !== undefined && policy.logs.length > 0
      const vkey =
        options.vkey ??
        (fromPolicy ? undefined : (await readNamed(join(dir, 'vkey'))).toString('utf8').trim())
      const believed = { ...(vkey === undefined ? {} : { vkey }), ...(policy ? { policy } : {}) }
      if (options.receipt !== undefined) return await checkReceipt(context, options, believed)
      const report = await verifyLog((path) => readFile(join(dir, path)).catch(() => undefined), {
        ...believed,
        ...(options.held === undefined ? {} : { held: (await readNamed(options.held)).toString('utf8') }),
      })
      const level = levelOf({ policy, witnessed: report.witnessed, now: Date.now() })
      show(context, 'AuditReport', { ...report, level }, () => verdict(report, level, options.held))
      if (!report.ok)
        throw new CommandFailed('The log does not verify. Keep the folder as evidence.', EXIT.unverified)
    })
}

function verdict(report: LogReport, level: Level, held: string | undefined): string {
  if (!report.ok) {
    return report.problems
      .map((p) => `${p.kind}${p.index === undefined ? '' : ` at entry ${p.index}`}: ${p.detail}`)
      .join('\n')
  }
  const { size, root, witnessed } = report
  return [
    `The log is whole: ${size} entries, root ${root}${held ? ', an extension of the checkpoint you kept' : ''}.`,
    ...(witnessed
      ? [
          `${witnessed.size} of them are witnessed:`,
          ...witnessed.cosignatures.map((w) => `  ${w.witness} at ${time(w.time * 1000)} (UTC)`),
        ]
      : []),
    `Assurance level: ${level.name}`,
  ].join('\n')
}

interface VerifyOptions {
  readonly log?: string
  readonly held?: string
  readonly vkey?: string
  readonly policy?: string
  readonly receipt?: string
  readonly entry?: string
}

async function checkReceipt(
  context: CliContext,
  options: VerifyOptions,
  believed: { vkey?: string; policy?: Policy },
): Promise<void> {
  if (options.entry === undefined) throw new CommandFailed('Give the entry with --entry.', EXIT.usage)
  const entry = JSON.parse((await readNamed(options.entry)).toString('utf8')) as { entry?: unknown }
  const check = await verifyReceipt({
    receipt: (await readNamed(options.receipt as string)).toString('utf8'),
    entry: Buffer.from(canonicalize(entry.entry ?? entry)),
    ...believed,
  })
  show(context, 'ReceiptCheck', check, () =>
    check.ok
      ? [
          `The entry is number ${check.index} of ${check.size} in the log.`,
          ...(check.cosignatures ?? []).map(
            (w) => `  witnessed by ${w.witness} at ${time(w.time * 1000)} (UTC)`,
          ),
        ].join('\n')
      : `The receipt does not verify: ${check.problem}.`,
  )
  if (!check.ok) throw new CommandFailed('', EXIT.unverified)
}
