import { readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { enrol } from '@ostiary/agent'
import { addTemplates } from '../../config/edit.ts'
import type { Clock } from '../../lib/clock.ts'
import { newId } from '../../lib/id.ts'
import { apply } from '../../registry/import/apply.ts'
import type { Found, ImportPlan, PlannedServer } from '../../registry/import/client-config.ts'
import { linesWithSecrets, rewrite } from '../../registry/import/rewrite.ts'
import { addServers, toServerConfig } from '../../registry/import/server-config.ts'
import type { CliContext } from '../context.ts'
import { readConfig } from '../read-config.ts'

const BIN = fileURLToPath(new URL('../../../bin/ostiary.js', import.meta.url))

export interface Imported {
  readonly servers: readonly string[]
  readonly files: readonly string[]
  /** `file:line` where a secret is left outside of what was rewritten. */
  readonly leftovers: readonly string[]
}

/** Everything is set up behind the gateway first; the client files are rewritten last, so a failure before leaves clients as they were. */
export async function performImport(options: {
  context: CliContext
  found: readonly Found[]
  planned: ImportPlan
  sponsor: string
  clock: Clock
}): Promise<Imported> {
  const { context, planned } = options
  const unique = [...new Map(planned.servers.map((server) => [server.name, server])).values()]
  await registerServers(context, unique)
  const files: string[] = []
  const leftovers: string[] = []
  for (const [client, servers] of Map.groupBy(planned.servers, (server) => server.client)) {
    const stateDir = await enrolClient(context, client, options.sponsor)
    for (const [file, entries] of Map.groupBy(servers, (server) => server.file)) {
      const { text } = options.found.find((candidate) => candidate.file === file) as Found
      const replacements = entries.map(({ name, pointer }) => ({
        pointer,
        command: process.execPath,
        args: [BIN, 'connect', name, '--task', templateName(name), '--state', stateDir],
      }))
      const dataDir = readConfig(context.configPath).dataDir
      if (apply({ dataDir, file, planned: text, entries: replacements, clock: options.clock }))
        files.push(file)
      const secrets = entries.flatMap((entry) => entry.secrets.map(({ value }) => value))
      leftovers.push(
        ...linesWithSecrets(rewrite(text, replacements), secrets).map((line) => `${file}:${line}`),
      )
    }
  }
  return { servers: unique.map((server) => server.name), files, leftovers }
}

const templateName = (server: string): string => `use-${server}`.slice(0, 40)

async function registerServers(context: CliContext, servers: readonly PlannedServer[]): Promise<void> {
  const entries: Record<string, ReturnType<typeof toServerConfig>> = {}
  for (const server of servers) {
    const names = new Map<string, string>()
    for (const { field, suggestedName, value } of server.secrets) {
      await context
        .control()
        .call('PUT', `/secrets/${encodeURIComponent(suggestedName)}`, { value: value.reveal() })
      names.set(field, suggestedName)
    }
    entries[server.name] = toServerConfig(server, names)
  }
  const templates = Object.fromEntries(
    servers.map(({ name, client }) => [
      templateName(name),
      {
        purpose: `Use ${name} (imported from ${client})`,
        agents: [client],
        tools: { [`${name}/*`]: {} },
        prompts: [`${name}/*`],
        resources: [{ server: name, uri: '*' }],
        lifetime: '8h',
        idle: '1h',
      },
    ]),
  )
  const text = addTemplates(addServers(readFileSync(context.configPath, 'utf8'), entries), templates)
  writeFileSync(context.configPath, text)
  await context.control().call('POST', '/reload')
}

/** One agent a client, one instance a machine and account. */
async function enrolClient(context: CliContext, client: string, sponsor: string): Promise<string> {
  const { agents } = await context.control().call<{ agents: { name: string }[] }>('GET', '/agents')
  if (!agents.some((agent) => agent.name === client)) {
    await context
      .control()
      .call('POST', '/agents', { name: client, sponsor, purpose: `MCP client ${client}` })
  }
  const { code, issuer } = await context
    .control()
    .call<{ code: string; issuer: string }>('POST', `/agents/${client}/enrol`)
  const stateDir = join(homedir(), '.ostiary', 'instances', `${client}-${newId('ins').slice(-8)}`)
  await enrol({ gateway: issuer, code, stateDir })
  return stateDir
}
