import { Command } from 'commander'
import type { Explanation } from '../../gateway/explain.ts'
import { contextOf, show } from '../context.ts'
import { CommandFailed, EXIT } from '../exit.ts'

export function policyCommand(): Command {
  const policy = new Command('policy').description('Why calls are allowed or denied.')
  policy
    .command('explain')
    .description('Say which rule would decide about a call that is not made, and what would allow it.')
    .argument('<call>', 'server/tool, server/prompt:name or provider/model')
    .requiredOption('--agent <name>')
    .requiredOption('--task <template>')
    .option('--args <json>', 'arguments of the call', '{}')
    .action(
      async (tool: string, options: { agent: string; task: string; args: string }, command: Command) => {
        const context = contextOf(command)
        let args: unknown
        try {
          args = JSON.parse(options.args)
        } catch {
          throw new CommandFailed('--args must be a JSON object.', EXIT.usage)
        }
        const explained = await context.control().call<Explanation>('POST', '/policy/explain', {
          tool,
          agent: options.agent,
          template: options.task,
          args,
        })
        show(context, 'PolicyExplanation', explained, () => describe(tool, explained))
        if (explained.verdict === 'deny') throw new CommandFailed('', EXIT.denied)
      },
    )
  return policy
}

function describe(tool: string, { verdict, steps, determining, could_permit }: Explanation): string {
  const lines = [`${tool}: ${verdict === 'allow' ? 'would be allowed' : 'would be denied'}`]
  for (const step of steps) {
    lines.push(
      step.ok ? `  ok    ${step.stage}` : `  deny  ${step.stage}  ${step.code}  ${step.reason} ${step.next}`,
    )
  }
  for (const policy of determining)
    lines.push(
      '',
      `Decided by ${policy.id} (${policy.file}:${policy.line})${policy.advice ? `: ${policy.advice}` : ''}`,
      policy.text,
    )
  if (could_permit.length > 0) lines.push('', 'One of these would allow it if its conditions held:')
  for (const policy of could_permit) lines.push(`${policy.id} (${policy.file}:${policy.line})`, policy.text)
  return lines.join('\n')
}
