import { hash } from 'node:crypto'
import type { Sink } from '../config/label-schema.ts'
import type { CanonicalKey } from './canonical.ts'
import { plain } from './canonical.ts'

/**
 * What an endorsement is kept under: the value in the one role it was endorsed for. So an address that may be written to is no link that may
 * be opened, and a name that may be sent to one person may not be sent to another.
 */
export const usedAs = (sink: Sink, of: string | undefined, keys: readonly CanonicalKey[]): string[] =>
  keys.map((key) => `use ${sink} ${of ?? ''} ${key}`)

export const writtenBy = (tool: string, keys: readonly CanonicalKey[]): string[] =>
  keys.map((key) => `write ${tool} ${key}`)

export const toldTo = (tool: string, readers: readonly CanonicalKey[], value: string): string[] => [
  `tell ${tool} ${[...readers].sort().join(' ')} ${hash('sha256', plain(value), 'base64url')}`,
]

export const unasked = (tool: string): string[] => [`unasked ${tool}`]
