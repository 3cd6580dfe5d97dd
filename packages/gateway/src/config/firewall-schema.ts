import { z } from 'zod'
import { Name } from './fields.ts'

/**
 * Detectors that a rule may name, and `views` for what is more than is decoded. What `known-secrets` and `hidden-text` find is handled as it
 * is, whatever the rules.
 */
export const FOUND_BY = [
  'secrets',
  'injection',
  'exfiltration',
  'personal-data',
  'tool-markup',
  'views',
] as const
/** Those that say where something stands, so that it can be taken out. */
const LOCATE: ReadonlySet<string> = new Set(['secrets', 'personal-data'])
/** What needs to know where something stands. */
const TAKES_OUT: ReadonlySet<string> = new Set(['redact', 'mask', 'tokenise'])

const Rule = z.strictObject({
  find: z.array(z.enum(FOUND_BY)).min(1).describe('Detectors whose findings the rule is for.'),
  in: z
    .enum(['results', 'arguments'])
    .describe(
      'results: what servers and models send to the agent. arguments: what the agent sends to servers and models.',
    ),
  servers: z
    .array(Name)
    .min(1)
    .optional()
    .describe('Servers and providers of models that it is for. All unless given.'),
  do: z
    .enum(['block', 'redact', 'mask', 'tokenise', 'spotlight'])
    .describe(
      'block: the message is refused. Only for results: redact takes out what was found, mask leaves its last characters, tokenise puts the same token for the same value within a task, spotlight marks the text as data. Answers of models are blocked instead.',
    ),
})

/** What the operator wants done with what detectors find. The first rule that matches counts. */
export const FirewallSchema = z.strictObject({
  rules: z
    .array(Rule)
    .max(200)
    .default([])
    .describe(
      'None by default: what is found makes flow control stricter with the task, and decides nothing by itself.',
    ),
})

export type FirewallRule = z.output<typeof Rule>

/** What no single field can show. @param isUpstream whether there is a server or a provider of that name */
export function firewallProblems(
  rules: readonly FirewallRule[],
  isUpstream: (name: string) => boolean,
): { path: readonly PropertyKey[]; message: string }[] {
  return rules.flatMap((rule, i) => {
    const at = (...path: readonly PropertyKey[]) => ['firewall', 'rules', i, ...path]
    const problems = (rule.servers ?? []).flatMap((name, j) =>
      isUpstream(name)
        ? []
        : [{ path: at('servers', j), message: `there is no server or provider \`${name}\`` }],
    )
    if (rule.in === 'arguments' && rule.do !== 'block')
      problems.push({ path: at('do'), message: 'what an agent sends can only be blocked: write `block`' })
    if (rule.do === 'spotlight' && rule.find.includes('views'))
      problems.push({ path: at('do'), message: 'what was not read can only be blocked: write `block`' })
    if (TAKES_OUT.has(rule.do)) {
      for (const [j, name] of rule.find.entries())
        if (!LOCATE.has(name))
          problems.push({
            path: at('find', j),
            message: `\`${name}\` cannot say where it stands, so it cannot be taken out: use \`block\` or \`spotlight\``,
          })
    }
    return problems
  })
}
