import { isMap, isScalar, parseDocument } from 'yaml'
import type { z } from 'zod'
import type { ConfigSchema, SecretReference } from '../../config/schema.ts'
import { Secret } from '../../lib/secret.ts'
import type { PlannedServer } from './client-config.ts'
import { ImportProblem } from './jsonc.ts'
import type { PlannedValue } from './launch.ts'

/** An entry of `servers` as a person would write it, defaults left out. */
export type ServerEntry = NonNullable<z.input<typeof ConfigSchema>['servers']>[string]

/**
 * The entry for ostiary.yaml. `secretNames` maps fields (`env.TOKEN`) to the names their secrets were sealed under.
 * @throws Error when a secret has no name: it must never be written out instead
 */
export function toServerConfig(
  { launch }: Pick<PlannedServer, 'launch'>,
  secretNames: ReadonlyMap<string, string>,
): ServerEntry {
  const convert = (values: Readonly<Record<string, PlannedValue>>, field: string) =>
    Object.fromEntries(
      Object.entries(values).map(([name, value]) => [
        name,
        reference(value, secretNames.get(`${field}.${name}`)),
      ]),
    )
  if (launch.kind === 'http') {
    const headers = convert(launch.headers, 'headers')
    return { url: launch.url, ...(Object.keys(headers).length > 0 ? { headers } : {}) }
  }
  const { command, args, cwd } = launch
  const env = convert(launch.env, 'env')
  return {
    command,
    ...(args.length > 0 ? { args: [...args] } : {}),
    ...(Object.keys(env).length > 0 ? { env } : {}),
    ...(cwd === undefined ? {} : { cwd }),
  }
}

function reference(value: PlannedValue, name: string | undefined): string | SecretReference {
  if (!(value instanceof Secret)) return value
  if (name === undefined) throw new Error('a secret was not sealed before its server was written')
  return { broker: `sealed:${name}` }
}

/**
 * Adds servers to the text of ostiary.yaml; comments and everything else stay.
 * @throws ImportProblem when the text is not YAML or a name is taken
 */
export function addServers(yamlText: string, servers: Readonly<Record<string, ServerEntry>>): string {
  const document = parseDocument(yamlText, { uniqueKeys: true })
  const [error] = document.errors
  if (error) throw new ImportProblem(`ostiary.yaml is not valid: ${error.message.split('\n', 1)[0]}`)
  if (document.contents !== null && !isMap(document.contents))
    throw new ImportProblem('ostiary.yaml is not a map')
  const present = document.get('servers', true)
  if (isMap(present)) present.flow = false
  else if (present === undefined || (isScalar(present) && present.value === null)) {
    document.set('servers', document.createNode({}))
  } else throw new ImportProblem('`servers` in ostiary.yaml is not a map')
  for (const [name, entry] of Object.entries(servers)) {
    if (document.hasIn(['servers', name]))
      throw new ImportProblem(`ostiary.yaml has a server ${name} already`)
    document.setIn(['servers', name], document.createNode(entry))
  }
  return document.toString({ lineWidth: 0 })
}
