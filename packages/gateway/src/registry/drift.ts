import { reveal } from '../lib/reveal.ts'
import type { Json } from '../model/json.ts'
import { isObject } from '../model/json.ts'
import { diffLines } from './line-diff.ts'

/** One difference. Texts have invisible characters written as `\u{…}`. */
export interface Change {
  /** Member names joined by dots, such as `definition.inputSchema.properties.path`. */
  readonly path: string
  /** Absent when the member is new. */
  readonly before?: string
  /** Absent when the member is gone. */
  readonly after?: string
  /** For long texts: changed lines, marked `-` and `+`, with one line around them. */
  readonly lines?: readonly string[]
}

const MAX_DIFFERENCES = 500
const LONG = 120

/** What changed between two pinned documents, in document order; at most {@link MAX_DIFFERENCES}. */
export function diffDefinitions(before: Json | undefined, after: Json | undefined): readonly Change[] {
  const found: Change[] = []
  walk(before, after, '', found)
  return found
}

function walk(before: Json | undefined, after: Json | undefined, path: string, found: Change[]): void {
  if (found.length >= MAX_DIFFERENCES || before === after) return
  const [old, now] = [membersOf(before), membersOf(after)]
  if (old && now && Array.isArray(before) === Array.isArray(after)) {
    for (const key of new Set([...old.keys(), ...now.keys()])) {
      walk(old.get(key), now.get(key), path === '' ? key : `${path}.${key}`, found)
    }
    return
  }
  const texts = {
    ...(before === undefined ? {} : { before: show(before) }),
    ...(after === undefined ? {} : { after: show(after) }),
  }
  if (texts.before === texts.after) return
  const long = (texts.before ?? '').length > LONG || (texts.after ?? '').length > LONG
  const lines = long ? { lines: diffLines(texts.before ?? '', texts.after ?? '') } : {}
  found.push({ path: reveal(path), ...texts, ...lines })
}

function membersOf(value: Json | undefined): ReadonlyMap<string, Json> | undefined {
  if (Array.isArray(value)) return new Map((value as readonly Json[]).map((item, i) => [String(i), item]))
  return isObject(value) ? new Map(Object.entries(value)) : undefined
}

const show = (value: Json): string =>
  reveal(typeof value === 'string' ? value : JSON.stringify(value, undefined, 2))
