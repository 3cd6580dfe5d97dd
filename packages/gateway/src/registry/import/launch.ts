import type { Node } from 'jsonc-parser'
import { Secret } from '../../lib/secret.ts'
import { ImportProblem, member, members, textOf } from './jsonc.ts'
import { hasUrlSecret, isSecretName, looksSecret } from './looks-secret.ts'
import type { Places } from './variables.ts'
import { resolve } from './variables.ts'

/** A value of a variable or header: plain, from a variable of the gateway, or a secret to seal. */
export type PlannedValue = string | { readonly env: string } | Secret

export type Launch =
  | {
      readonly kind: 'stdio'
      readonly command: string
      readonly args: readonly string[]
      readonly env: Readonly<Record<string, PlannedValue>>
      readonly cwd: string | undefined
    }
  | { readonly kind: 'http'; readonly url: string; readonly headers: Readonly<Record<string, PlannedValue>> }

/** Members that change how a server is reached in ways that Ostiary does not take over. */
const NOT_TAKEN_OVER = ['envFile', 'headersHelper', 'oauth', 'auth']

/**
 * Reads one entry of a client's file.
 * @throws ImportProblem saying why it is left alone
 */
export function readLaunch(entry: Node, places: Places): Launch {
  if (entry.type !== 'object') throw new ImportProblem('it is not an object')
  if (member(entry, 'disabled')?.value === true) throw new ImportProblem('it is disabled')
  for (const name of NOT_TAKEN_OVER) {
    if (member(entry, name)) throw new ImportProblem(`it uses \`${name}\`, which Ostiary does not take over`)
  }
  const type = textOf(entry, 'type') ?? ''
  if (type === 'sse') throw new ImportProblem('it uses the retired HTTP+SSE transport')
  const url = textOf(entry, 'url') ?? textOf(entry, 'httpUrl') ?? textOf(entry, 'serverUrl')
  if (url !== undefined) return readHttp(entry, url, places)
  const command = textOf(entry, 'command')
  if (command === undefined || command === '') throw new ImportProblem('it has neither a command nor a url')
  const cwd = textOf(entry, 'cwd')
  return {
    kind: 'stdio',
    command: plain(command, 'command', places),
    args: readArgs(member(entry, 'args'), places),
    env: readValues(member(entry, 'env'), 'env', places),
    cwd: cwd === undefined ? places.workspace : plain(cwd, 'cwd', places),
  }
}

function readHttp(entry: Node, url: string, places: Places): Launch {
  const address = plain(url, 'url', places)
  const parsed = URL.canParse(address) ? new URL(address) : undefined
  if (parsed?.protocol !== 'http:' && parsed?.protocol !== 'https:') {
    throw new ImportProblem('its url is not an http or https address')
  }
  if (hasUrlSecret(address) || parsed.username !== '') {
    throw new ImportProblem('its url holds a secret; move that into `headers`, then import again')
  }
  return { kind: 'http', url: address, headers: readValues(member(entry, 'headers'), 'headers', places) }
}

/** A text that goes into ostiary.yaml as it is. */
function plain(text: string, field: string, places: Places): string {
  const resolved = resolve(text, places)
  if (resolved.kind === 'unset')
    throw new ImportProblem(`its ${field} needs the variable ${resolved.name}, which is not set`)
  if (resolved.kind === 'literal') {
    if (resolved.holdsSecret) throw new ImportProblem(secretIn(field))
    return resolved.text
  }
  const value = places.env[resolved.name]
  if (value === undefined)
    throw new ImportProblem(`its ${field} needs the variable ${resolved.name}, which is not set`)
  if (looksSecret(resolved.name, value)) throw new ImportProblem(secretIn(field))
  return value
}

/** Arguments are visible to every account of the machine and cannot refer to sealed secrets, so none may hold one. */
function readArgs(node: Node | undefined, places: Places): readonly string[] {
  if (!node) return []
  if (node.type !== 'array') throw new ImportProblem('its args are not a list')
  const args: string[] = []
  for (const [at, child] of (node.children ?? []).entries()) {
    if (child.type !== 'string') throw new ImportProblem('its args are not all text')
    const field = `argument ${at + 1}`
    const arg = plain(String(child.value), field, places)
    if (isSecretArgument(arg, args[at - 1])) throw new ImportProblem(secretIn(field))
    args.push(arg)
  }
  return args
}

/** `--api-key=…`, `KEY=…`, `Authorization: …`, the value after `--token`, or anything that looks like a secret. */
function isSecretArgument(arg: string, before: string | undefined): boolean {
  const pair = /^-{0,2}([A-Za-z][\w.-]{0,80})(?:=|:\s?)(.+)$/s.exec(arg)
  const [, name = '', value = ''] = pair ?? []
  if (looksSecret(name, value)) return true
  if (looksSecret('', arg)) return true
  const option = /^-{1,2}([A-Za-z][\w.-]*)$/.exec(before ?? '')?.[1]
  return option !== undefined && isSecretName(option) && !arg.startsWith('-') && looksSecret(option, arg)
}

const secretIn = (field: string): string =>
  `its ${field} holds a secret; move that into \`env\`, where the server can read it too, then import again`

function readValues(
  node: Node | undefined,
  field: string,
  places: Places,
): Readonly<Record<string, PlannedValue>> {
  return Object.fromEntries(
    members(node).map(([name, child]) => {
      const value: unknown = child.value
      if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
        throw new ImportProblem(`its ${field}.${name} is not text`)
      }
      return [name, readValue(name, String(value), `${field}.${name}`, places)]
    }),
  )
}

function readValue(name: string, text: string, field: string, places: Places): PlannedValue {
  const resolved = resolve(text, places)
  if (resolved.kind === 'env') return { env: resolved.name }
  if (resolved.kind === 'unset')
    throw new ImportProblem(`its ${field} needs the variable ${resolved.name}, which is not set`)
  return resolved.holdsSecret || looksSecret(name, resolved.text) ? new Secret(resolved.text) : resolved.text
}
