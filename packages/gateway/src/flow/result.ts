import { isAlias, isMap, isScalar, isSeq, parseDocument } from 'yaml'
import type { Json, JsonObject } from '../model/json.ts'
import { isObject } from '../model/json.ts'
import type { Leaf } from './paths.ts'
import { leavesOf } from './paths.ts'

/** Texts above this are not read as documents: their values are known as text only. */
const MAX_DOCUMENT = 262_144

/** A result as labels see it. */
export interface ReadResult {
  /** What labels point into. */
  readonly document: Json
  /** Everything else that somebody could read, under the path of its member. */
  readonly rest: readonly Leaf[]
}

/**
 * What an MCP result says: the document that labels can point into is `structuredContent`, or its one text block read as JSON or YAML, or
 * else the texts themselves. What cannot be read as structure stays text, and nothing is left out because something else says the same.
 */
export function readResult(result: JsonObject): ReadResult {
  const { structuredContent, content, ...others } = result
  const blocks = Array.isArray(content) ? (content as readonly Json[]) : []
  const texts = blocks.flatMap((block) => (isText(block) ? [block.text] : []))
  const rest = [
    ...leavesOf(others).filter(({ path }) => !path.endsWith('.blob')),
    ...blocks.flatMap((block, i) => (isText(block) ? [] : leavesOf(withoutBytes(block), `content[${i}]`))),
  ]
  if (structuredContent !== undefined) {
    const said = texts.map((text, i): Leaf => ({ path: `content[${i}].text`, value: text }))
    return { document: structuredContent, rest: [...said, ...rest] }
  }
  return { document: texts.length === 1 ? readDocument(texts[0] as string) : texts, rest }
}

const isText = (block: Json): block is { type: 'text'; text: string } =>
  isObject(block) && block.type === 'text' && typeof block.text === 'string'

/** Images, sound and files hold no text that could be recognised in an argument. */
function withoutBytes(block: Json): Json {
  if (!isObject(block)) return block
  const { data, resource, ...rest } = block
  if (!isObject(resource)) return block.type === 'image' || block.type === 'audio' ? rest : block
  const { blob: _, ...readable } = resource
  return { ...rest, ...(data === undefined ? {} : { data }), resource: readable }
}

/** Aliases are refused: they make much out of little. Dates and numbers in YAML stay as they are written. */
export function readDocument(text: string): Json {
  if (text.length > MAX_DOCUMENT) return text
  const first = text.trimStart()[0] ?? ''
  try {
    if ('{['.includes(first) && first !== '') return JSON.parse(text) as Json
  } catch {
    // A server's own notation, read below.
  }
  if (!LOOKS_WRITTEN.test(text)) return text
  if (STACKED.test(text)) return text
  try {
    const read = parseDocument(text, { schema: 'failsafe', uniqueKeys: false, prettyErrors: false })
    if (read.errors.length > 0 || !isPlain(read.contents)) return text
    const value = read.toJS({ maxAliasCount: 0 }) as Json
    return typeof value === 'object' && value !== null ? value : text
  } catch {
    return text
  }
}

/** A line that YAML begins with. Bounded, and no line runs into the next: otherwise empty lines take time with the square of their number. */
const LOOKS_WRITTEN = /^(?:[ \t]{0,200}- |[ \t]{0,200}[\w-]{1,200}:(?:\s|$)|\{)/m

/** Properties of nothing, one after the other; reading them takes time that grows with the square of their number. */
const STACKED = /(?:[&!][^\s&!]{0,100}\s{1,100}){4}/

/**
 * Whether what was read is what a program would have written: every key a word and there once. Here and not in the parser, whose own
 * check compares each key with each, and which writes keys that are lists of lists out again at each level.
 */
function isPlain(node: unknown): boolean {
  if (isMap(node)) {
    const names = new Set<unknown>()
    for (const { key, value } of node.items) {
      if (!isScalar(key) || names.has(key.value) || !isPlain(value)) return false
      names.add(key.value)
    }
    return true
  }
  if (isSeq(node)) return node.items.every(isPlain)
  return !isAlias(node)
}
