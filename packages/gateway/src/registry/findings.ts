import { reveal } from '../lib/reveal.ts'
import type { Json } from '../model/json.ts'
import { isObject } from '../model/json.ts'
import type { PinnedDocument } from './pins.ts'

/** Something a person should look at before approving a definition. `high` needs an explicit decision against it. */
export interface Finding {
  /** Names it, also where a person accepts it. */
  readonly code: string
  readonly level: 'note' | 'high'
  /** Member names joined by dots. */
  readonly path: string
  readonly what: string
}

const MAX_FINDINGS = 100
const SPEC_NAME = /^[A-Za-z0-9_./-]{1,128}$/
const DESTRUCTIVE =
  /(?:^|[_\-./])(?:delete|drop|remove|destroy|purge|wipe|erase|kill|exec|execute|shell|eval|sudo|transfer|pay|send|overwrite|truncate|revoke|grant|prescribe|discharge)(?:$|[_\-./])/i
const NESTED_QUANTIFIER = /[*+}]\)[*+{]|\|[^)]*\)[*+{]/

/**
 * Finds what the text of a definition has no need to say. Whoever makes the registry puts it in, because it is in a room beside this one.
 * Both MUST be linear in the text and MUST NOT throw.
 */
export interface Inspector {
  alone(document: PinnedDocument): readonly Finding[]
  /** Beside other servers; `tools` has their names, each with its server, but for those that this server has too. */
  among(
    document: PinnedDocument,
    others: { readonly servers: readonly string[]; readonly tools: ReadonlyMap<string, string> },
    /** Of a tool: its name, and another server that has one of the same. */
    named: { readonly name: string; readonly sameOn: string | undefined } | undefined,
  ): readonly Finding[]
}

/** What the form of a definition shows. Helps people look; decides nothing by itself. */
export function findingsOf(document: PinnedDocument): readonly Finding[] {
  const found: Finding[] = []
  const definition = document.definition ?? {}
  const add: Add = (code, level, path, what) => {
    if (found.length < MAX_FINDINGS) found.push({ code, level, path: reveal(path).slice(0, 200), what })
  }
  inspectPatterns(definition.inputSchema ?? null, 'inputSchema', add)
  inspectName(String(definition.name ?? ''), add)
  inspectAnnotations(definition.annotations, add)
  return found
}

type Add = (code: string, level: Finding['level'], path: string, what: string) => void

function inspectPatterns(value: Json, path: string, add: Add): void {
  if (typeof value === 'string') {
    if (path.endsWith('.pattern') && NESTED_QUANTIFIER.test(value))
      add('pattern', 'note', path, 'the pattern may take long to match; calls that take too long are refused')
  } else if (Array.isArray(value)) {
    for (const [at, item] of (value as readonly Json[]).entries()) inspectPatterns(item, `${path}.${at}`, add)
  } else if (isObject(value)) {
    for (const [key, member] of Object.entries(value)) inspectPatterns(member, `${path}.${key}`, add)
  }
}

function inspectName(name: string, add: Add): void {
  if (!SPEC_NAME.test(name)) {
    add(
      'name',
      'high',
      'name',
      'it holds characters that MCP does not allow in names; it may look like another',
    )
  }
  if (DESTRUCTIVE.test(name.replace(/([a-z])([A-Z])/g, '$1_$2'))) {
    add('destructive', 'note', 'name', 'by its name it changes or destroys things')
  }
}

function inspectAnnotations(annotations: Json | undefined, add: Add): void {
  if (!isObject(annotations)) return
  for (const [key, value] of Object.entries(annotations)) {
    if (typeof value !== 'boolean') continue
    add('claim', 'note', `annotations.${key}`, `the server claims ${key}: ${value}; a claim decides nothing`)
  }
}
