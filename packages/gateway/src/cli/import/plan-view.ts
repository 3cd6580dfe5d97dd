import type { ImportPlan, PlannedServer } from '../../registry/import/client-config.ts'

/** What will be registered, run and sealed: everything a person has to agree to, and no secret. */
export const planView = (plan: ImportPlan) => ({
  servers: plan.servers.map((server) => ({
    name: server.name,
    client: server.client,
    file: server.file,
    runs: commandOf(server),
    environment: server.launch.kind === 'stdio' ? Object.keys(server.launch.env) : [],
    headers: server.launch.kind === 'http' ? Object.keys(server.launch.headers) : [],
    seals: server.secrets.map(({ field, suggestedName }) => ({ field, as: suggestedName })),
  })),
  skipped: plan.skipped,
})

export function describePlan(plan: ImportPlan): string {
  const view = planView(plan)
  const lines = view.servers.flatMap((server) => [
    `${server.name}   (${server.client}, ${server.file})`,
    `  runs     ${server.runs}`,
    ...(server.environment.length > 0
      ? [`  with     ${server.environment.join(', ')} in its environment, and nothing else but PATH and HOME`]
      : []),
    ...(server.headers.length > 0 ? [`  headers  ${server.headers.join(', ')}`] : []),
    ...server.seals.map(({ field, as }) => `  seals    ${field} as ${as}`),
  ])
  for (const { file, original, why } of view.skipped) lines.push(`left alone: ${original ?? file}: ${why}`)
  return lines.length === 0 ? 'No MCP client configuration was found.' : lines.join('\n')
}

function commandOf({ launch }: PlannedServer): string {
  if (launch.kind === 'http') return `${launch.url} (remote)`
  return [launch.command, ...launch.args]
    .map((part) => (/^[\w@%+=:,./-]+$/.test(part) ? part : JSON.stringify(part)))
    .join(' ')
}
