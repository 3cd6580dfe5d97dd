import { Command } from 'commander'
import type { CliContext } from '../../context.ts'
import { contextOf, jsonOf, oneLine, time } from '../../context.ts'
import { CommandFailed, EXIT } from '../../exit.ts'

interface EntryView {
  readonly index: number
  readonly ts: number
  readonly type: string
  readonly actor: { kind: string; agent?: string; operator?: string }
  readonly data: Readonly<Record<string, unknown>>
}

export function tailCommand(): Command {
  return new Command('tail')
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
    .map((line) => JSON.parse(line) as EntryView)
  const wanted = entries.filter((entry) => type === undefined || entry.type === type)
  for (const entry of wanted.slice(Math.max(0, wanted.length - count)))
    context.out(context.json ? jsonOf(entry) : summary(entry))
  const last = entries.at(-1)
  return last ? last.index + 1 : (from ?? 0)
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
    .flatMap((key) => (data[key] === undefined ? [] : [`${key}=${String(data[key]).slice(0, 80)}`]))
    .join(' ')
  return oneLine(`${String(index).padStart(6)}  ${time(ts)}  ${type.padEnd(17)}  ${who}  ${what}`).trimEnd()
}
