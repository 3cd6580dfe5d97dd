import type { Command } from 'commander'
import { z } from 'zod'
import { EXIT } from '../packages/gateway/src/cli/exit.ts'
import { program } from '../packages/gateway/src/cli/program.ts'
import { ConfigSchema } from '../packages/gateway/src/config/schema.ts'
import { REASONS } from '../packages/gateway/src/model/reasons.ts'
import { COUNTERS, GAUGES, HISTOGRAMS } from '../packages/gateway/src/trace/metric-catalogue.ts'

/** Files made from the code. `npm run generate` writes them; `tools/drift.test.ts` fails when one is out of date. */
export const GENERATED: readonly { readonly path: string; readonly render: () => string }[] = [
  { path: 'schema/config.json', render: configSchema },
  { path: 'docs/reference/config.md', render: configReference },
  { path: 'docs/reference/reasons.md', render: reasonsReference },
  { path: 'docs/reference/cli.md', render: cliReference },
  { path: 'docs/reference/metrics.md', render: metricsReference },
]

const HEAD = '<!-- Made by `npm run generate`; edit the code instead. -->\n'

function configSchema(): string {
  const schema = z.toJSONSchema(ConfigSchema, { io: 'input' })
  return `${JSON.stringify({ title: 'ostiary.yaml', ...schema }, null, 2)}\n`
}

interface Schema {
  readonly description?: string
  readonly type?: string
  readonly default?: unknown
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema | boolean
}

function configReference(): string {
  const rows: string[] = []
  const walk = (path: string, schema: Schema): void => {
    for (const variant of schema.anyOf ?? []) walk(path, variant)
    for (const [key, child] of Object.entries(schema.properties ?? {})) {
      const name = path === '' ? key : `${path}.${key}`
      if (!rows.some((row) => row.startsWith(`| \`${name}\` |`))) {
        const otherwise = child.default === undefined ? '' : `\`${JSON.stringify(child.default)}\``
        rows.push(`| \`${name}\` | ${typeOf(child)} | ${otherwise} | ${child.description ?? ''} |`)
      }
      walk(name, child)
    }
    if (typeof schema.additionalProperties === 'object') walk(`${path}.<name>`, schema.additionalProperties)
    if (schema.items) walk(`${path}[]`, schema.items)
  }
  walk('', z.toJSONSchema(ConfigSchema, { io: 'input' }) as Schema)
  return `${HEAD}\n# ostiary.yaml\n\nUnknown keys are errors. Durations are written \`90s\`, \`15m\`, \`8h\`, \`2d\`.\n\n| key | type | default | meaning |\n|---|---|---|---|\n${rows.join('\n')}\n`
}

function typeOf(schema: Schema): string {
  if (schema.anyOf) return [...new Set(schema.anyOf.map(typeOf))].join(' or ')
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``
  if (schema.enum) return schema.enum.map((value) => `\`${String(value)}\``).join(', ')
  if (schema.type === 'array') return `list of ${schema.items ? typeOf(schema.items) : 'anything'}`
  return schema.type ?? 'anything'
}

function reasonsReference(): string {
  const rows = Object.entries(REASONS).map(
    ([code, [status, sentence, next]]) => `| \`${code}\` | ${status} | ${sentence} | ${next} |`,
  )
  return `${HEAD}\n# Reasons\n\nEvery denial carries one of these codes, the sentence, and the next step. \`{…}\` is filled in.\n\n| code | status | sentence | next step |\n|---|---|---|---|\n${rows.join('\n')}\n`
}

function metricsReference(): string {
  const rows = Object.entries({ counter: COUNTERS, histogram: HISTOGRAMS, gauge: GAUGES }).flatMap(
    ([type, metrics]: [string, Readonly<Record<string, { help: string; labels: readonly string[] }>>]) =>
      Object.entries(metrics).map(
        ([name, { help, labels }]) =>
          `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help} |`,
      ),
  )
  return `${HEAD}\n# Metrics\n\nServed at \`/metrics\` where \`telemetry.metrics\` is configured, beside the usual ones of the process (\`process_*\`, \`nodejs_*\`). With several workers they are added up. No label is the name of an agent, a user, a session or a task. Gauges of what is not configured are absent.\n\n| metric | type | labels | meaning |\n|---|---|---|---|\n${rows.join('\n')}\n`
}

function cliReference(): string {
  const sections: string[] = []
  const walk = (command: Command, path: string): void => {
    for (const child of command.commands) {
      const name = `${path} ${child.name()}`
      if (child.commands.length === 0) {
        const args = child.registeredArguments
          .map((arg) => (arg.required ? `<${arg.name()}>` : `[${arg.name()}]`))
          .join(' ')
        const options = child.options.map(
          (option) =>
            `- \`${option.flags}\`: ${option.description || 'see above'}${option.mandatory ? ' (required)' : ''}`,
        )
        sections.push(
          `## \`${name}${args ? ` ${args}` : ''}\`\n\n${child.description()}\n${options.length > 0 ? `\n${options.join('\n')}\n` : ''}`,
        )
      }
      walk(child, name)
    }
  }
  walk(program(), 'ostiary')
  const exits = Object.entries(EXIT).map(([name, code]) => `| ${code} | ${name} |`)
  return `${HEAD}\n# Command line\n\nGlobal options: \`--config <file>\`, \`--json\`. Data goes to standard output, everything else to standard error.\n\n| exit code | meaning |\n|---|---|\n${exits.join('\n')}\n\n${sections.join('\n')}`
}
