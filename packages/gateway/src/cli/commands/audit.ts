import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LogReport, Policy } from '@ostiary/evidence'
import { canonicalize, verifyLog, verifyReceipt } from '@ostiary/evidence'
import { Command } from 'commander'
import type { Level } from '../../audit/level.ts'
import { levelOf } from '../../audit/level.ts'
import { readWitnessPolicy } from '../../config/witness-policy.ts'
import type { CliContext } from '../context.ts'
import { contextOf, dataDirOf, show, time } from '../context.ts'
import { CommandFailed, EXIT } from '../exit.ts'
import { mirrorCommand, restoreCommand } from './audit-mirror.ts'
import { sinksCommand } from './audit-sinks.ts'

interface EntryView {
  readonly index: number
  readonly ts: number
  readonly type: string
  readonly actor: { kind: string; agent?: string; operator?: string }
  readonly data: Readonly<Record<string, unknown>>
}

export function auditCommand(): Command {
  const audit = new Command('audit').description(
    'The log: what was asked, decided and done, provable to anyone.',
  )
  audit
    .command('tail')
    .description('Print the newest entries.')
    .option('-n, --count <number>', 'how many', '20')
    .option('-f, --follow', 'go on printing as entries come')
    .option('--type <type>', 'only entries of this type, e.g. call.denied; among the newest 1000')
    .action(async (options: TailOptions, command: Command) => {
      const context = contextOf(command)
      const { type } = options
      let next = await print(context, { count: Number(options.count), type })
      while (options.follow) {
        await new Promise((resolve) => setTimeout(resolve, 500))
        next = await print(context, { from: next, count: PAGE, type })
      }
    })
  audit
    .command('show')
    .description('Show one entry with its proof.')
    .argument('<index>')
    .option('--receipt <file>', 'write an offline-verifiable receipt')
    .action(async (index: string, options: { receipt?: string }, command: Command) => {
      const context = contextOf(command)
      const found = await context
        .control()
        .call<{ index: number; leaf: string; entry: object; receipt: string }>(
          'GET',
          `/audit/entries/${encodeURIComponent(index)}`,
        )
      if (options.receipt !== undefined) await writeFile(options.receipt, found.receipt)
      show(
        context,
        'AuditEntry',
        found,
        () => `${JSON.stringify(found.entry, null, 2)}\n\nleaf ${found.leaf}\n\n${found.receipt}`,
      )
    })
  audit
    .command('open')
    .description('Show the content that is sealed beside an entry. That you looked is recorded.')
    .argument('<index>', 'of an entry that has a `body`')
    .action(async (index: string, _options: unknown, command: Command) => {
      const context = contextOf(command)
      const found = await context
        .control()
        .call<{ content: object }>('POST', `/audit/entries/${encodeURIComponent(index)}/open`)
      show(context, 'AuditContent', found, () => printable(JSON.stringify(found.content, null, 2)))
    })
  audit
    .command('verify')
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
        options.vkey ?? (fromPolicy ? undefined : (await read(join(dir, 'vkey'))).toString('utf8').trim())
      const believed = { ...(vkey === undefined ? {} : { vkey }), ...(policy ? { policy } : {}) }
      if (options.receipt !== undefined) return await checkReceipt(context, options, believed)
      const report = await verifyLog((path) => readFile(join(dir, path)).catch(() => undefined), {
        ...believed,
        ...(options.held === undefined ? {} : { held: (await read(options.held)).toString('utf8') }),
      })
      const level = levelOf({ policy, witnessed: report.witnessed, now: Date.now() })
      show(context, 'AuditReport', { ...report, level }, () => verdict(report, level, options.held))
      if (!report.ok)
        throw new CommandFailed('The log does not verify. Keep the folder as evidence.', EXIT.unverified)
    })
  audit.addCommand(sinksCommand())
  audit.addCommand(mirrorCommand())
  audit.addCommand(restoreCommand())
  return audit
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

/** Somebody else wrote it, so it must not steer the terminal. */
const printable = (text: string): string => text.replace(/[^\P{C}\n]/gu, '\ufffd')

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
  const entry = JSON.parse((await read(options.entry)).toString('utf8')) as { entry?: unknown }
  const check = await verifyReceipt({
    receipt: (await read(options.receipt as string)).toString('utf8'),
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

interface TailOptions {
  readonly count: string
  readonly follow?: boolean
  readonly type?: string
}

/** The most that the gateway gives at once. */
const PAGE = 1000

/** @returns index of the entry after the last one that was read */
async function print(
  context: CliContext,
  { from, count, type }: { from?: number; count: number; type: string | undefined },
): Promise<number> {
  if (!Number.isSafeInteger(count) || count < 0)
    throw new CommandFailed('Write --count as a number.', EXIT.usage)
  const query = new URLSearchParams({
    count: String(type === undefined ? count : PAGE),
    ...(from === undefined ? {} : { from: String(from) }),
  })
  const text = await context.control().text('GET', `/audit/entries?${query}`)
  const entries = text
    .split('\n')
    .filter(Boolean)
    .map((line) => ({ line, entry: JSON.parse(line) as EntryView }))
  const wanted = entries.filter(({ entry }) => type === undefined || entry.type === type)
  for (const { line, entry } of wanted.slice(Math.max(0, wanted.length - count)))
    context.out(context.json ? line : summary(entry))
  const last = entries.at(-1)
  return last ? last.entry.index + 1 : (from ?? 0)
}

function summary({ index, ts, type, actor, data }: EntryView): string {
  const who = actor.operator ?? actor.agent ?? 'gateway'
  const what = [
    'server',
    'name',
    'method',
    'code',
    'what',
    'do',
    'result',
    'template',
    'end',
    'scope',
    'target',
  ]
    .flatMap((key) =>
      data[key] === undefined
        ? []
        : [
            `${key}=${String(data[key])
              .replace(/\p{Cc}/gu, '\ufffd')
              .slice(0, 80)}`,
          ],
    )
    .join(' ')
  return `${String(index).padStart(6)}  ${time(ts)}  ${type.padEnd(17)}  ${who}  ${what}`.trimEnd()
}

const read = (path: string): Promise<Buffer> =>
  readFile(path).catch(() => {
    throw new CommandFailed(`${path} cannot be read.`, EXIT.usage)
  })
