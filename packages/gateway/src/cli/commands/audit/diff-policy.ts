import { basename } from 'node:path'
import { Command } from 'commander'
import type { Page } from '../../../audit/questions/asked.ts'
import type { PolicyDiff } from '../../../gateway/policy-diff.ts'
import { contextOf, show, table } from '../../context.ts'
import { readNamed } from '../../read-named.ts'
import type { PageOptions } from './page.ts'
import { foot, pagingOf, spanOf, withPages, withSpan } from './page.ts'

type Answer = PolicyDiff & Pick<Page<never>, 'covers' | 'next'>

export function diffPolicyCommand(): Command {
  const command = new Command('diff-policy')
    .description(
      'Which past calls draft policies would decide otherwise, and by which policy; judged with the registry and segments of now. That you asked is recorded.',
    )
    .argument('<draft...>', 'files of Cedar policies, in place of those in use')
  return withPages(withSpan(command)).action(
    async (drafts: string[], options: PageOptions, self: Command) => {
      const context = contextOf(self)
      const files = await Promise.all(
        drafts.map(async (path) => ({
          path: basename(path),
          text: (await readNamed(path)).toString('utf8'),
        })),
      )
      const asked = { files, ...spanOf(options), ...pagingOf(options) }
      const answer = await context.control().call<Answer>('POST', '/audit/diff-policy', asked)
      show(context, 'AuditPolicyDiff', answer, () => described(answer))
    },
  )
}

function described(answer: Answer): string {
  const { judged, same, changed, undecided } = answer
  const what = ({ server, name, method }: { server?: string; name?: string; method?: string }) =>
    `${server ?? ''}/${name ?? method ?? ''}`
  const rows = changed.map(({ call, was, would_be, policies, code }) => [
    String(call.index),
    call.at,
    call.agent ?? '',
    what(call),
    `${was} → ${would_be}`,
    policies.map(({ id, file, line }) => `${id} (${file}:${line})`).join(', ') || (code ?? ''),
  ])
  return [
    `${judged} calls judged: ${same} as before, ${changed.length} otherwise; ${undecided.length} undecided.`,
    ...(rows.length === 0 ? [] : ['', table(['index', 'time', 'agent', 'call', 'decision', 'by'], rows)]),
    ...(undecided.length === 0
      ? []
      : [
          '',
          table(
            ['index', 'call', 'undecided'],
            undecided.map(({ call, why }) => [String(call.index), what(call), why]),
          ),
        ]),
    foot(answer),
  ].join('\n')
}
