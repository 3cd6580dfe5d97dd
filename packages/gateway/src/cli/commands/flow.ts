import { Command } from 'commander'
import { contextOf, show, table, time } from '../context.ts'

interface HoldView {
  readonly call: string
  readonly task: string
  readonly agent?: string
  readonly purpose?: string
  readonly on_behalf_of?: string
  readonly tool: string
  readonly at: number
  readonly times: number
  readonly problems: readonly {
    readonly code: string
    readonly path: string
    readonly detail: string
    readonly value?: string
  }[]
}

interface FlowData {
  readonly arguments?: readonly {
    readonly path: string
    readonly sink: string
    readonly by?: string
    readonly from?: string
    readonly seen_in?: readonly string[]
  }[]
  readonly more?: number
  readonly strict?: true
  readonly problems?: readonly { readonly code: string; readonly path: string; readonly detail: string }[]
}

interface CallView {
  readonly call: string
  readonly task?: string
  readonly purpose?: string
  readonly holds?: Readonly<Record<string, boolean>>
  readonly entries: readonly {
    readonly index: number
    readonly ts: number
    readonly type: string
    readonly data: Readonly<Record<string, unknown>> & { readonly flow?: FlowData }
  }[]
  readonly hold?: HoldView
}

export function flowCommand(): Command {
  const flow = new Command('flow').description('Where values come from, and calls that wait for a person.')
  flow
    .command('holds')
    .description('List calls that wait for a person.')
    .action(async (_options, command: Command) => {
      const context = contextOf(command)
      const { holds } = await context.control().call<{ holds: HoldView[] }>('GET', '/flow/holds')
      show(context, 'HoldList', { holds }, () =>
        holds.length === 0
          ? 'No call waits for a person.'
          : table(
              ['CALL', 'SINCE (UTC)', 'AGENT', 'TOOL', 'ARGUMENT', 'PURPOSE'],
              holds.map((h) => [
                h.call,
                time(h.at),
                h.agent ?? '',
                h.tool,
                h.problems.map(({ path }) => path || 'the call').join(', '),
                h.purpose ?? '',
              ]),
            ),
      )
    })
  flow
    .command('explain')
    .description('Explain a call: for each argument, where its value came from, and what became of it.')
    .argument('<call>', 'cal_…, as its denial or the log names it')
    .action(async (call: string, _options, command: Command) => {
      const context = contextOf(command)
      const found = await context.control().call<CallView>('GET', `/flow/calls/${encodeURIComponent(call)}`)
      show(context, 'FlowExplanation', found, () => explanation(found))
    })
  flow
    .command('endorse')
    .description(
      'Say that values of a waiting call are what is meant: they may be used so for the rest of its task.',
    )
    .argument('<call>')
    .option('--only <path...>', 'only these arguments; all that are held when left out')
    .action(async (call: string, options: { only?: string[] }, command: Command) => {
      const context = contextOf(command)
      const { hold } = await context
        .control()
        .call<{ hold: HoldView }>('POST', `/flow/holds/${encodeURIComponent(call)}/endorse`, {
          ...(options.only === undefined ? {} : { paths: options.only }),
        })
      show(context, 'Hold', { hold }, () =>
        [`For the rest of ${hold.task}:`, ...problemsOf(hold), 'The agent can call again.'].join('\n'),
      )
    })
  return flow
}

function explanation({ call, task, purpose, holds, entries, hold }: CallView): string {
  const [first] = entries
  const lines = [
    `${call}: ${String(first?.data.server ?? '')}/${String(first?.data.name ?? first?.data.method ?? hold?.tool ?? '')}${task === undefined ? '' : ` in ${task}`}${purpose === undefined ? '' : ` (${purpose})`}`,
  ]
  for (const { index, ts, type, data } of entries) {
    lines.push(
      '',
      `${time(ts)}  ${type}${data.code === undefined ? '' : ` ${String(data.code)}`}${data.result === undefined ? '' : ` ${String(data.result)}`}  (entry ${index})`,
    )
    if (data.flow) lines.push(...evidence(data.flow))
  }
  if (hold)
    lines.push(
      '',
      'It waits for a person:',
      ...problemsOf(hold),
      '',
      `If that is meant: ostiary flow endorse ${call}`,
    )
  const seen = Object.entries(holds ?? {}).flatMap(([name, is]) => (is ? [name] : []))
  if (seen.length > 0) lines.push('', `The task: ${seen.map((name) => WORDS[name] ?? name).join('; ')}.`)
  return lines.join('\n')
}

const WORDS: Readonly<Record<string, string>> = {
  hasRequest: 'a request of the person is known',
  holdsUntrusted: 'it has seen content that anybody could have written',
  holdsConfidential: 'it holds confidential data',
  isHostile: 'a detector found an attack in what it has seen',
}

function evidence({ arguments: args = [], more, strict, problems = [] }: FlowData): string[] {
  const rows = args.map(({ path, sink, from, seen_in }) => [
    `  ${path}`,
    sink,
    from ?? (seen_in ? `nothing trusted; seen in ${seen_in.join(', ')}` : 'nothing trusted'),
  ])
  return [
    ...(rows.length === 0 ? [] : [table(['  ARGUMENT', 'AS', 'COMES FROM'], rows)]),
    ...(more === undefined ? [] : [`  … and ${more} more arguments`]),
    ...problems.map(({ code, path, detail }) => `  ${code}${path === '' ? '' : ` in ${path}`}: ${detail}`),
    ...(strict ? ['  The strict form of the rules applied.'] : []),
  ]
}

/** Values come from an agent: control characters are made visible. */
const problemsOf = ({ problems }: HoldView): string[] =>
  problems.map(
    ({ path, detail, value }) =>
      `  ${path || 'the call itself'}: ${detail}${value === undefined ? '' : `\n    ${JSON.stringify(value)}`}`,
  )
