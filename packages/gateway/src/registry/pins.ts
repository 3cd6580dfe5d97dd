import { hash } from 'node:crypto'
import { canonicalize } from '@ostiary/evidence'
import type { JsonObject } from '../model/json.ts'

export type DefinitionKind = 'tool' | 'prompt'

/**
 * What is pinned: the whole definition, members we do not know included, and the server's instructions, because both reach the model.
 * `duplicates` stands in for `definition` when one listing gave several definitions of the same name.
 */
export interface PinnedDocument {
  readonly definition?: JsonObject
  readonly duplicates?: readonly JsonObject[]
  readonly instructions?: string
}

/** A pinned document as canonical JSON (RFC 8785) and the `sha-256=:…:` digest of that text. */
export interface Snapshot {
  readonly text: string
  readonly digest: string
}

/** @throws NotCanonical when the definition holds a lone surrogate or a number that is not finite */
export function snapshot(instructions: string | undefined, definition: JsonObject): Snapshot {
  return digested({ definition, instructions })
}

/** The snapshot of a name that was listed more than once; its digest never equals one of a single definition. */
export function duplicateSnapshot(
  instructions: string | undefined,
  definitions: readonly JsonObject[],
): Snapshot {
  const duplicates = definitions
    .map((definition) => ({ definition, order: canonicalize(definition) }))
    .sort((a, b) => (a.order < b.order ? -1 : a.order > b.order ? 1 : 0))
    .map(({ definition }) => definition)
  return digested({ duplicates, instructions })
}

/** The digest an approval pins, covering every member of the definition and the server's instructions. */
export const digestDefinition = (instructions: string | undefined, definition: JsonObject): string =>
  snapshot(instructions, definition).digest

export const readDocument = (text: string): PinnedDocument => JSON.parse(text) as PinnedDocument

/** `sha-256=:…:` of the canonical JSON of a value, in the form of RFC 9530. */
export const digestOf = (value: unknown): string => digested(value).digest

function digested(value: unknown): Snapshot {
  const text = canonicalize(value)
  return { text, digest: `sha-256=:${hash('sha256', text, 'base64')}:` }
}
