import { isUtf8 } from 'node:buffer'
import { hash } from 'node:crypto'
import { readFile, realpath, stat } from 'node:fs/promises'
import type { Node } from 'jsonc-parser'
import { Secret } from '../../lib/secret.ts'
import type { Client, ImportEnv, Location } from './clients.ts'
import { locations } from './clients.ts'
import { ImportProblem, jsonOf, member, members, parseJsonc, splitBom, textOf } from './jsonc.ts'
import type { Launch, PlannedValue } from './launch.ts'
import { readLaunch } from './launch.ts'

/** A client's file that exists. Holds secrets as the client does: never print `text`. */
export interface Found extends Location {
  /** Where the file really is, when a link leads to it. */
  readonly realFile: string
  readonly text: string
  /** Why it could not be read; `text` is empty then. */
  readonly problem: string | undefined
}

export interface PlannedSecret {
  /** `env.NAME` or `headers.NAME`. */
  readonly field: string
  /** A name to seal it under. */
  readonly suggestedName: string
  readonly value: Secret
}

export interface PlannedServer {
  /** Its name in ostiary.yaml. The same launch in several clients has one name. */
  readonly name: string
  readonly original: string
  readonly client: Client
  readonly file: string
  readonly pointer: readonly string[]
  readonly launch: Launch
  readonly secrets: readonly PlannedSecret[]
}

/** What stays as it is, and why. `original` is undefined when it is the whole file. */
export interface Skipped {
  readonly client: Client
  readonly file: string
  readonly original: string | undefined
  readonly why: string
}

export interface ImportPlan {
  readonly servers: readonly PlannedServer[]
  readonly skipped: readonly Skipped[]
}

/** ~/.claude.json also keeps history and grows large. */
const MAX_FILE = 33_554_432

/** Reads the configuration files of all known clients; changes nothing. The same file is given once, also through links. */
export async function discover(env: ImportEnv): Promise<readonly Found[]> {
  const found = new Map<string, Found>()
  for (const location of locations(env)) {
    const realFile = await realpath(location.file).catch(() => undefined)
    if (realFile === undefined || found.has(realFile)) continue
    found.set(realFile, { ...location, realFile, ...(await read(realFile)) })
  }
  return [...found.values()]
}

async function read(file: string): Promise<{ text: string; problem: string | undefined }> {
  const problem = (why: string) => ({ text: '', problem: why })
  try {
    const info = await stat(file)
    if (!info.isFile()) return problem('it is not a file')
    if (info.size > MAX_FILE) return problem('it is too large')
    const bytes = await readFile(file)
    return isUtf8(bytes)
      ? { text: bytes.toString('utf8'), problem: undefined }
      : problem('it is not UTF-8 text')
  } catch (error) {
    return problem(`it cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'})`)
  }
}

/**
 * What an import would do, without doing it. Names in `taken` are in ostiary.yaml already.
 */
export function plan(found: readonly Found[], env: ImportEnv, taken: Iterable<string> = []): ImportPlan {
  const servers: PlannedServer[] = []
  const skipped: Skipped[] = []
  const names = new Names(taken)
  for (const file of found) {
    const skip = (original: string | undefined, why: string) =>
      skipped.push({ client: file.client, file: file.file, original, why })
    const blocks = attempt(() => blocksOf(file))
    if (typeof blocks === 'string') {
      skip(undefined, blocks)
      continue
    }
    for (const { pointer, workspace, entries } of blocks) {
      for (const [original, entry] of entries) {
        if (isOurs(entry)) {
          skip(original, 'it goes through Ostiary already')
          continue
        }
        const launch = attempt(() => readLaunch(entry, { env: env.env, home: env.home, workspace }))
        if (typeof launch === 'string') {
          skip(original, launch)
          continue
        }
        const name = names.give(original, fingerprint(original, entry, workspace))
        const { client } = file
        const at = [...pointer, original]
        servers.push({
          name,
          original,
          client,
          file: file.file,
          pointer: at,
          launch,
          secrets: secretsOf(name, launch),
        })
      }
    }
  }
  return { servers, skipped }
}

function attempt<T>(work: () => T): T | string {
  try {
    return work()
  } catch (error) {
    if (error instanceof ImportProblem) return error.message
    throw error
  }
}

interface Block {
  readonly pointer: readonly string[]
  readonly workspace: string | undefined
  readonly entries: readonly (readonly [name: string, entry: Node])[]
}

/** The objects in a file that hold servers: one, and in Claude Code's own file one for each project. */
function blocksOf(file: Found): readonly Block[] {
  if (file.problem !== undefined) throw new ImportProblem(file.problem)
  const root = parseJsonc(splitBom(file.text)[1])
  const { member: name, workspace } = file
  const own = { pointer: [name], workspace, entries: members(member(root, name)) }
  if (file.client !== 'claude-code' || workspace !== undefined) return [own]
  const projects = members(member(root, 'projects')).map(([path, project]) => ({
    pointer: ['projects', path, name],
    workspace: path,
    entries: members(member(project, name)),
  }))
  return [own, ...projects]
}

/** An entry that an import wrote, or a person in the same form: `ostiary connect …`, also run by Node. */
function isOurs(entry: Node): boolean {
  const args = jsonOf(member(entry, 'args'))
  const words = [textOf(entry, 'command'), ...(Array.isArray(args) ? (args as readonly unknown[]) : [])]
  const at = words.findIndex(
    (word) => typeof word === 'string' && /(?:^|[/\\])ostiary(?:\.js|\.cmd|\.exe)?$/.test(word),
  )
  return at >= 0 && words[at + 1] === 'connect'
}

/** The same entry under the same name, run in the same folder, is the same server. Compared only within one plan. */
const fingerprint = (original: string, entry: Node, workspace: string | undefined): string =>
  hash('sha256', JSON.stringify([original, jsonOf(entry), workspace ?? null]))

class Names {
  readonly #taken: Set<string>
  readonly #given = new Map<string, string>()

  constructor(taken: Iterable<string>) {
    this.#taken = new Set(taken)
  }

  give(original: string, same: string): string {
    const known = this.#given.get(same)
    if (known !== undefined) return known
    const base = sanitise(original)
    let name = base
    for (let n = 2; this.#taken.has(name); n++) name = `${base.slice(0, 40 - `-${n}`.length)}-${n}`
    this.#taken.add(name)
    this.#given.set(same, name)
    return name
  }
}

/** A name as ostiary.yaml wants it: lower-case letters, digits and hyphens, at most 40. */
function sanitise(original: string): string {
  const plain = original
    .normalize('NFKD')
    .toLowerCase()
    .slice(0, 400)
    .replace(/[^a-z0-9]+/g, '-')
  return plain.replace(/^-/, '').slice(0, 40).replace(/-$/, '') || 'server'
}

function secretsOf(server: string, launch: Launch): readonly PlannedSecret[] {
  const [field, values]: [string, Readonly<Record<string, PlannedValue>>] =
    launch.kind === 'stdio' ? ['env', launch.env] : ['headers', launch.headers]
  const used = new Set<string>()
  return Object.entries(values).flatMap(([name, value]) => {
    if (!(value instanceof Secret)) return []
    let suggestedName = `${server}.${name.replace(/[^A-Za-z0-9._-]/g, '-').slice(0, 30)}`
    while (used.has(suggestedName)) suggestedName += '-'
    used.add(suggestedName)
    return [{ field: `${field}.${name}`, suggestedName, value }]
  })
}
