import type { Detector } from '../detector.ts'

const NAME = 'known-values'
const SHORTEST = 6
/** A long value is known by any such part of it that begins at a multiple of the step. */
const PART = 16
const STEP = 8
const LONGEST = 4096
/** Lengths by whose first characters shorter values are looked up. */
const LENGTHS = [SHORTEST, 10, PART] as const

interface Entry {
  readonly name: string
  readonly needle: string
}

/**
 * Confidential values that were seen before, in any spelling: letters and digits count, case and what stands between them do not.
 * Made once for a set of values and handed to a scan; the views find encoded ones. `values` maps a name, which findings show, to a value.
 */
export function knownValues(values: ReadonlyMap<string, string>): Detector {
  const tables = tablesOf(values)
  return {
    name: NAME,
    reads: 'views',
    isPass: true,
    suspects: ({ text }) => text.length >= SHORTEST && tables.size > 0,
    inspect(survey) {
      const plain = bare(survey.text)
      const names = new Set<string>()
      for (const [length, table] of tables) look(plain, length, table, names)
      return names.size === 0
        ? undefined
        : { detector: NAME, what: [...names].sort().slice(0, 10).join(', '), severity: 'escalate' }
    },
  }
}

const bare = (text: string): string =>
  text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '')

function tablesOf(values: ReadonlyMap<string, string>): Map<number, Map<number, Entry[]>> {
  const tables = new Map<number, Map<number, Entry[]>>()
  for (const [name, value] of values) {
    const plain = bare(value).slice(0, LONGEST)
    for (const needle of partsOf(plain)) {
      const length = LENGTHS.findLast((candidate) => candidate <= needle.length)
      if (length === undefined) continue
      const table = tables.get(length) ?? new Map<number, Entry[]>()
      tables.set(length, table)
      const key = hashOf(needle, 0, length)
      table.set(key, [...(table.get(key) ?? []), { name, needle }])
    }
  }
  return tables
}

function partsOf(plain: string): string[] {
  if (plain.length < PART + STEP) return [plain]
  const parts: string[] = []
  for (let at = 0; at + PART <= plain.length; at += STEP) parts.push(plain.slice(at, at + PART))
  return parts
}

const BASE = 0x01000193

function hashOf(text: string, from: number, length: number): number {
  let hash = 0
  for (let i = from; i < from + length; i++) hash = (Math.imul(hash, BASE) + text.charCodeAt(i)) | 0
  return hash
}

/** Rolls one hash over the text; what it meets is compared in full. */
function look(text: string, length: number, table: ReadonlyMap<number, Entry[]>, names: Set<string>): void {
  if (text.length < length) return
  let top = 1
  for (let i = 1; i < length; i++) top = Math.imul(top, BASE)
  let hash = hashOf(text, 0, length)
  for (let at = 0; ; at++) {
    const entries = table.get(hash)
    if (entries)
      for (const { name, needle } of entries)
        if (!names.has(name) && text.startsWith(needle, at)) names.add(name)
    if (at + length >= text.length) return
    hash = (Math.imul(hash - Math.imul(text.charCodeAt(at), top), BASE) + text.charCodeAt(at + length)) | 0
  }
}
