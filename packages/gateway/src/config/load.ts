import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Document } from 'yaml'
import { isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml'
import type { z } from 'zod'
import { crossCheck } from './cross-check.ts'
import type { Config } from './schema.ts'
import { ConfigSchema } from './schema.ts'
import { suggest } from './suggest.ts'

/** A configuration that was read, checked and frozen. */
export interface Loaded {
  readonly config: Config
  /** Absolute path of the file, and its folder. */
  readonly path: string
  readonly dir: string
  /** Absolute path of the private data folder. */
  readonly dataDir: string
  /** Hex SHA-256 of the file and of every policy file. */
  readonly digest: string
  readonly policies: readonly { readonly path: string; readonly text: string }[]
  /** Reads the same file again, by the same rules. @throws ConfigInvalid */
  reload(): Loaded
}

/** A configuration that cannot be used. Every problem is one line: file:line:column, path, what is wrong. */
export class ConfigInvalid extends Error {
  override name = 'ConfigInvalid'
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(`The configuration cannot be used:\n${problems.map((problem) => `  ${problem}`).join('\n')}`)
    this.problems = problems
  }
}

const MAX_BYTES = 1_048_576

/** One thing wrong at a path of the document. */
export interface Problem {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

/** What another room finds wrong in a configuration of the right shape. */
export type Rule = (config: Config) => readonly Problem[]

/** @throws ConfigInvalid naming everything that is wrong */
export function loadConfig(file: string, rules: readonly Rule[] = []): Loaded {
  const path = resolve(file)
  const text = read(path)
  const lines = new LineCounter()
  const document = parseDocument(text, {
    lineCounter: lines,
    uniqueKeys: true,
    version: '1.2',
    schema: 'core',
  })
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return `${file}:${line}:${col}`
  }
  const syntax = [...document.errors, ...document.warnings]
  if (syntax.length > 0) {
    throw new ConfigInvalid(
      syntax.map(
        (error) => `${at(error.pos[0])}  ${error.message.split('\n', 1)[0]?.replace(/ at line \d+.*$/, '')}`,
      ),
    )
  }
  const shown = ({ path: where, message }: Problem) =>
    `${at(offsetOf(document, where))}  ${where.join('.') || 'the file'}: ${message}`
  const parsed = ConfigSchema.safeParse(document.toJS({ maxAliasCount: 20 }))
  if (!parsed.success) throw new ConfigInvalid(parsed.error.issues.flatMap(problems).map(shown))
  const dir = dirname(path)
  const policies: { path: string; text: string }[] = []
  const found: Problem[] = [crossCheck, ...rules].flatMap((rule) => rule(parsed.data))
  for (const [i, policy] of parsed.data.policies.entries()) {
    try {
      policies.push({ path: policy, text: readFileSync(resolve(dir, policy), 'utf8') })
    } catch {
      found.push({ path: ['policies', i], message: `the policy file ${policy} cannot be read` })
    }
  }
  if (found.length > 0) throw new ConfigInvalid(found.map(shown))
  return {
    config: freeze(parsed.data),
    path,
    dir,
    dataDir: resolve(dir, parsed.data.data),
    digest: hash('sha256', [text, ...policies.map((policy) => policy.text)].join('\0')),
    policies,
    reload: () => loadConfig(file, rules),
  }
}

function read(path: string): string {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    throw new ConfigInvalid([
      code === 'ENOENT'
        ? `${path}: there is no such file. Run \`ostiary up\` to write one.`
        : `${path}: it cannot be read (${code})`,
    ])
  }
  if (bytes.length > MAX_BYTES) throw new ConfigInvalid([`${path}: it is larger than ${MAX_BYTES} bytes`])
  return bytes.toString('utf8')
}

/** Where the value at `path` stands, or the nearest thing above it that exists. A key that is wrong is shown at the key. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  for (let length = path.length; length >= 0; length--) {
    const parent = document.getIn(path.slice(0, -1), true)
    if (length === path.length && isMap(parent)) {
      const pair = parent.items.find((item) => isScalar(item.key) && item.key.value === path.at(-1))
      if (pair && isScalar(pair.key) && pair.key.range) return pair.key.range[0]
    }
    const node = document.getIn(path.slice(0, length), true)
    if (isNode(node) && node.range) return node.range[0]
  }
  return 0
}

/** Says what a person did, not what the parser expected. */
function problems(issue: z.core.$ZodIssue): Problem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: [...issue.path, key],
      message: `there is no such setting${suggest(key, issue.path)}`,
    }))
  }
  if (issue.code === 'invalid_union') {
    // Of several shapes, the one with the fewest things wrong is what was meant.
    const best = [...issue.errors].sort((a, b) => a.length - b.length)[0] ?? []
    const inner = best.flatMap((nested) =>
      problems({ ...nested, path: [...issue.path, ...nested.path] } as z.core.$ZodIssue),
    )
    return inner.length > 0
      ? inner
      : [{ path: issue.path, message: 'it has none of the shapes that are allowed here' }]
  }
  return [{ path: issue.path, message: issue.message }]
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const child of Object.values(value)) freeze(child)
  }
  return value
}
