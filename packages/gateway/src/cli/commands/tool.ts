import { Command } from 'commander'
import type { Proposal } from '../../flow/propose.ts'
import type { CliContext } from '../context.ts'
import { contextOf, show, table } from '../context.ts'
import { CommandFailed, EXIT } from '../exit.ts'
import { labelsYaml } from '../labels-yaml.ts'

interface ToolRow {
  readonly ref: string
  readonly status: string
  readonly title: string
  readonly findings: number
}

export function toolCommand(): Command {
  const tool = new Command('tool').description('The registry: which tools may be used at all.')
  tool
    .command('list')
    .description('List tools and prompts with their status.')
    .option('--status <status>', 'proposed, approved, quarantined or rejected')
    .option('--server <name>')
    .action(async (options: { status?: string; server?: string }, command: Command) => {
      const context = contextOf(command)
      const query = new URLSearchParams(options as Record<string, string>)
      const { tools } = await context.control().call<{ tools: ToolRow[] }>('GET', `/tools?${query}`)
      show(context, 'ToolList', { tools }, () =>
        tools.length === 0
          ? 'No tools are known. Register servers under `servers` in ostiary.yaml, then: ostiary tool refresh'
          : table(
              ['TOOL', 'STATUS', 'LOOK', 'TITLE'],
              tools.map((t) => [t.ref, t.status, t.findings > 0 ? `${t.findings}!` : '', t.title]),
            ),
      )
    })
  tool
    .command('show')
    .description('Show one definition as its server gives it, and what to look at before approving it.')
    .argument('<tool>', 'server/tool or server/prompt:name')
    .action(async (ref: string, _options, command: Command) => {
      const context = contextOf(command)
      const { tool: found } = await context.control().call<{ tool: ToolDetails }>('GET', path(ref))
      show(context, 'Tool', found, () => describe(found))
    })
  tool
    .command('diff')
    .description('Show what changed since a tool was approved, and what to look at in it now.')
    .argument('<tool>')
    .action(async (ref: string, _options, command: Command) => {
      const context = contextOf(command)
      const { diff, findings } = await context
        .control()
        .call<{ diff: Change[]; findings: Finding[] }>('GET', `${path(ref)}/diff`)
      show(context, 'ToolDiff', { tool: ref, diff, findings }, () =>
        diff.length === 0
          ? `${ref} is as it was approved, or was never approved.`
          : [
              ...diff.map((c) => `${c.path}\n  - ${c.before ?? '(absent)'}\n  + ${c.after ?? '(absent)'}`),
              ...lookAt(findings),
            ].join('\n'),
      )
    })
  tool
    .command('approve')
    .description('Approve a tool as it was last seen. server/* approves every proposal of a server.')
    .argument('<tool...>')
    .option('--note <text>', 'why, for the record')
    .option(
      '--accept-findings <codes>',
      'severe findings that you have read and take, as `tool show` names them',
    )
    .option('--despite', 'whatever the severe findings are')
    .option('--digest <digest>', 'only if it is still what `tool show` printed; for one tool')
    .action(async (refs: string[], options: ApproveOptions, command: Command) => {
      if (options.digest !== undefined && refs.length > 1)
        throw new CommandFailed('A digest is of one tool: approve them one by one.', EXIT.usage)
      await decide(contextOf(command), refs, 'approve', 'approved', options)
    })
  tool
    .command('reject')
    .description('Reject a tool: it is neither listed nor callable.')
    .argument('<tool...>')
    .option('--note <text>', 'why, for the record')
    .action(async (refs: string[], options: { note?: string }, command: Command) =>
      decide(contextOf(command), refs, 'reject', 'rejected', options),
    )
  tool
    .command('label')
    .description(
      'Propose labels for the tools of a server, to read, correct and write into ostiary.yaml. Changes nothing.',
    )
    .argument('<server>')
    .option('--all', 'those that have labels too')
    .action(async (server: string, options: { all?: boolean }, command: Command) => {
      const context = contextOf(command)
      const { proposals, problems } = await context
        .control()
        .call<{ proposals: (Proposal & { is_labelled: boolean })[]; problems: string[] }>(
          'GET',
          `/flow/proposals/${encodeURIComponent(server)}`,
        )
      const wanted = proposals.filter(({ is_labelled }) => options.all || !is_labelled)
      for (const problem of problems) context.say(`Look: ${problem}.`)
      show(context, 'LabelProposals', { proposals: wanted, problems }, () =>
        wanted.length === 0 ? `Every tool of ${server} has labels.` : labelsYaml(wanted).trimEnd(),
      )
    })
  tool
    .command('refresh')
    .description('Ask servers again what they offer.')
    .argument('[server]')
    .action(async (server: string | undefined, _options, command: Command) => {
      const context = contextOf(command)
      const { problems } = await context
        .control()
        .call<{ problems: { server: string; problem: string }[] }>(
          'POST',
          '/tools/refresh',
          server === undefined ? {} : { server },
        )
      show(context, 'ToolRefresh', { problems }, () =>
        problems.length === 0
          ? 'All servers answered.'
          : problems.map((p) => `${p.server}: ${p.problem}`).join('\n'),
      )
      if (problems.length > 0) throw new CommandFailed('Some servers could not be asked.', EXIT.unreachable)
    })
  return tool
}

interface ApproveOptions {
  readonly note?: string
  readonly despite?: boolean
  readonly acceptFindings?: string
  readonly digest?: string
}

interface Change {
  readonly path: string
  readonly before?: string
  readonly after?: string
}

interface Finding {
  readonly code: string
  readonly level: string
  readonly path: string
  readonly what: string
}

interface ToolDetails {
  readonly ref: string
  readonly status: string
  readonly digest: string
  readonly seen: object
  readonly problem?: string
  readonly instructions?: string
  readonly findings: readonly Finding[]
  readonly note?: string
  readonly decided_by?: string
}

async function decide(
  context: CliContext,
  refs: readonly string[],
  verb: 'approve' | 'reject',
  past: string,
  options: ApproveOptions,
): Promise<void> {
  const done: string[] = []
  for (const ref of refs) {
    const body = {
      ...(options.note === undefined ? {} : { note: options.note }),
      ...(options.acceptFindings === undefined ? {} : { accept: options.acceptFindings.split(/[\s,]+/) }),
      ...(options.despite ? { despite: true } : {}),
      ...(options.digest === undefined ? {} : { digest: options.digest }),
    }
    const { tools } = await context.control().call<{ tools: string[] }>('POST', `${path(ref)}/${verb}`, body)
    done.push(...tools)
  }
  show(context, 'ToolDecision', { [past]: done }, () => `${past}: ${done.join(', ')}`)
}

function path(ref: string): string {
  const at = ref.indexOf('/')
  if (at <= 0) throw new CommandFailed(`Name the tool as server/tool; \`${ref}\` has no server.`, EXIT.usage)
  return `/tools/${encodeURIComponent(ref.slice(0, at))}/${encodeURIComponent(ref.slice(at + 1))}`
}

function describe(found: ToolDetails): string {
  const decided = found.decided_by ? ` by ${found.decided_by}${found.note ? `: ${found.note}` : ''}` : ''
  return [
    `${found.ref}: ${found.status}${decided}`,
    `Digest: ${found.digest}`,
    ...(found.problem ? [`It cannot be approved: ${revealed(found.problem)}`] : []),
    ...lookAt(found.findings),
    ...(found.instructions ? ['Instructions of the server:', revealed(found.instructions)] : []),
    'Definition:',
    revealed(JSON.stringify(found.seen, null, 2)),
  ].join('\n')
}

/** Severe ones first, marked with an exclamation mark. */
function lookAt(findings: readonly Finding[]): string[] {
  if (findings.length === 0) return []
  const sorted = findings.toSorted((a, b) => Number(b.level === 'high') - Number(a.level === 'high'))
  return [
    'Look at:',
    ...sorted.map(
      ({ code, level, path, what }) =>
        `  ${level === 'high' ? '!' : '-'} ${code}  ${revealed(`${path}: ${what}`)}`,
    ),
  ]
}

/** What a server wrote must not steer the terminal, nor hide. */
const revealed = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\u{e0100}-\u{e01ef}]/gu, (char) =>
    char === '\n' ? char : `\\u{${(char.codePointAt(0) as number).toString(16)}}`,
  )
