import type { Json } from '../model/json.ts'
import { isObject } from '../model/json.ts'
import { phrasesIn } from './phrases.ts'
import type { PinnedDocument } from './pins.ts'
import { invisibleIn, reveal, spelledByTags } from './reveal.ts'

/** Something a person should look at before approving a definition. `high` needs an explicit decision against it. */
export interface Finding {
  readonly level: 'note' | 'high'
  /** Member names joined by dots. */
  readonly path: string
  readonly what: string
}

const MAX_FINDINGS = 100
const LONG_TEXT = 2000
const SPEC_NAME = /^[A-Za-z0-9_./-]{1,128}$/
const DESTRUCTIVE =
  /(?:^|[_\-./])(?:delete|drop|remove|destroy|purge|wipe|erase|kill|exec|execute|shell|eval|sudo|transfer|pay|send|overwrite|truncate|revoke|grant|prescribe|discharge)(?:$|[_\-./])/i
const NESTED_QUANTIFIER = /[*+}]\)[*+{]|\|[^)]*\)[*+{]/

/** What the text of a definition and of its server's instructions shows. Helps people look; decides nothing by itself. */
export function findingsOf(document: PinnedDocument): readonly Finding[] {
  const found: Finding[] = []
  const definition = document.definition ?? {}
  const add = (level: Finding['level'], path: string, what: string) => {
    if (found.length < MAX_FINDINGS) found.push({ level, path: reveal(path).slice(0, 200), what })
  }
  eachText(definition, '', (path, text) => inspectText(path, text, add))
  if (document.instructions !== null) inspectText('instructions', document.instructions, add)
  inspectName(String(definition.name ?? ''), add)
  inspectAnnotations(definition.annotations, add)
  return found
}

type Add = (level: Finding['level'], path: string, what: string) => void

function inspectText(path: string, text: string, add: Add): void {
  const hidden = invisibleIn(text)
  if (hidden.length > 0) {
    const spelled = spelledByTags(text)
    const says = spelled === '' ? '' : `; they spell “${spelled.slice(0, 200)}”`
    add('high', path, `it holds invisible characters: ${hidden.slice(0, 8).join(' ')}${says}`)
  }
  for (const { level, phrase } of phrasesIn(text)) add(level, path, `it speaks to the model: “${phrase}”`)
  if (text.length > LONG_TEXT)
    add('note', path, `it is ${text.length} characters long, which few people read`)
  if (path.endsWith('.pattern') && NESTED_QUANTIFIER.test(text)) {
    add('note', path, 'the pattern may take long to match; calls that take too long are refused')
  }
}

function inspectName(name: string, add: Add): void {
  if (!SPEC_NAME.test(name)) {
    add('high', 'name', 'it holds characters that MCP does not allow in names; it may look like another')
  }
  if (DESTRUCTIVE.test(name.replace(/([a-z])([A-Z])/g, '$1_$2'))) {
    add('note', 'name', 'by its name it changes or destroys things')
  }
}

function inspectAnnotations(annotations: Json | undefined, add: Add): void {
  if (!isObject(annotations)) return
  for (const [key, value] of Object.entries(annotations)) {
    if (typeof value !== 'boolean') continue
    add('note', `annotations.${key}`, `the server claims ${key}: ${value}; a claim decides nothing`)
  }
}

const MAX_MENTIONS = 5

/** Names of tools of other servers in the text: a way to steer the model to or from them. Common words do not count. */
export function mentionsIn(document: PinnedDocument, othersNames: ReadonlySet<string>): readonly Finding[] {
  const found = new Map<string, Finding>()
  const look = (path: string, text: string) => {
    for (const [word] of text.matchAll(/[A-Za-z0-9_.-]{6,200}/g)) {
      const name = word.replace(/\.+$/, '')
      if (!/[_-]|[a-z][A-Z]/.test(name) || !othersNames.has(name)) continue
      found.set(name, { level: 'high', path, what: `it mentions \`${name}\`, a tool of another server` })
    }
  }
  eachText(document.definition ?? {}, '', look)
  look('instructions', document.instructions ?? '')
  return [...found.values()].slice(0, MAX_MENTIONS)
}

/** Every text in a definition, with member names: those reach the model too. */
function eachText(value: Json, path: string, visit: (path: string, text: string) => void): void {
  if (typeof value === 'string') visit(path, value)
  else if (Array.isArray(value)) {
    for (const [at, item] of (value as readonly Json[]).entries()) eachText(item, `${path}.${at}`, visit)
  } else if (isObject(value)) {
    for (const [key, member] of Object.entries(value)) {
      const below = path === '' ? key : `${path}.${key}`
      visit(`${below} (its name)`, key)
      eachText(member, below, visit)
    }
  }
}
