import { isUtf8 } from 'node:buffer'
import type { Json } from '../model/json.ts'
import { refuse } from '../model/refusal.ts'

/** Deepest nesting accepted; MCP messages stay below 20. */
export const MAX_DEPTH = 64

export interface Parsed {
  readonly value: Json
  readonly text: string
}

/**
 * Parses JSON that every reader understands alike (RFC 8259 section 4, I-JSON): UTF-8, each key once, no `__proto__`,
 * no integer beyond 2^53, at most {@link MAX_DEPTH} levels. Text that passes may be forwarded byte for byte.
 * @throws Refusal with a JSON_* code
 */
export function parseStrict(bytes: Uint8Array): Parsed {
  if (!isUtf8(bytes)) refuse('JSON_NOT_UTF8')
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  return { value: parseStrictText(text), text }
}

/** As {@link parseStrict}, for text that is decoded already. */
export const parseStrictText = (text: string): Json => parse(text, true)

/**
 * For answers of servers: as strict, but integers beyond 2^53 pass. They are forwarded as text, and nothing is decided by them.
 */
export const parseReceived = (text: string): Json => parse(text, false)

function parse(text: string, exactNumbers: boolean): Json {
  let value: Json
  try {
    value = JSON.parse(text) as Json
  } catch {
    refuse('JSON_INVALID', { detail: 'it does not parse' })
  }
  // JSON.parse keeps the last of two equal keys, so fewer keys in the tree than colons in the text means a duplicate.
  if (inspect(value, 0, exactNumbers) !== countColons(text)) refuse('JSON_DUPLICATE_KEY')
  return value
}

/** Number of object members below `value`; refuses what readers disagree about. */
function inspect(value: Json, depth: number, exactNumbers: boolean): number {
  if (typeof value === 'number') {
    if (exactNumbers && (Number.isInteger(value) ? !Number.isSafeInteger(value) : !Number.isFinite(value))) {
      refuse('JSON_UNSAFE_NUMBER')
    }
    return 0
  }
  if (typeof value !== 'object' || value === null) return 0
  if (depth >= MAX_DEPTH) refuse('JSON_TOO_DEEP', { limit: MAX_DEPTH })
  let members = 0
  if (Array.isArray(value)) {
    for (const item of value as readonly Json[]) members += inspect(item, depth + 1, exactNumbers)
    return members
  }
  for (const key of Object.keys(value)) {
    if (key === '__proto__') refuse('JSON_FORBIDDEN_KEY', { key })
    members += 1 + inspect((value as Record<string, Json>)[key] as Json, depth + 1, exactNumbers)
  }
  return members
}

const QUOTE = 34
const BACKSLASH = 92
const COLON = 58

/** Colons outside strings: one per object member. `text` is known to be valid JSON. */
function countColons(text: string): number {
  let colons = 0
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i)
    if (char === COLON) colons++
    else if (char === QUOTE) i = endOfString(text, i)
  }
  return colons
}

/** Index of the quote that ends the string starting at `start`; jumps by indexOf, so long texts cost little. */
export function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1)
  while (end > 0) {
    let escapes = 0
    while (text.charCodeAt(end - 1 - escapes) === BACKSLASH) escapes++
    if (escapes % 2 === 0) return end
    end = text.indexOf('"', end + 1)
  }
  return text.length
}
