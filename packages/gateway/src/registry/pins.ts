import { hash } from 'node:crypto'
import { canonicalize } from '@ostiary/evidence'
import type { JsonObject } from '../model/json.ts'

/**
 * What is pinned: every member of a definition, known or not, and the server's instructions beside it, because both reach the model.
 * `duplicates` stands in for `definition` when one listing gave several definitions of the same name.
 */
export interface PinnedDocument {
  readonly definition?: JsonObject
  readonly duplicates?: readonly JsonObject[]
  readonly instructions: string | null
}

/** A pinned document as canonical JSON (RFC 8785) and the `sha-256=:…:` digest of that text (RFC 9530 form). */
export interface Snapshot {
  readonly text: string
  readonly digest: string
}

/** @throws NotCanonical when the definition holds a lone surrogate or a number that is not finite */
export const snapshot = (instructions: string | undefined, definition: JsonObject): Snapshot =>
  digested({ definition, instructions: instructions ?? null })

/** Of a name that was listed more than once; the digest never equals one of a single definition. */
export function duplicateSnapshot(
  instructions: string | undefined,
  definitions: readonly JsonObject[],
): Snapshot {
  const duplicates = definitions
    .map((definition) => ({ definition, order: canonicalize(definition) }))
    .sort((a, b) => (a.order < b.order ? -1 : a.order > b.order ? 1 : 0))
    .map(({ definition }) => definition)
  return digested({ duplicates, instructions: instructions ?? null })
}

/** The digest that an approval pins. */
export const digestDefinition = (instructions: string | undefined, definition: JsonObject): string =>
  snapshot(instructions, definition).digest

export const readDocument = (text: string): PinnedDocument => JSON.parse(text) as PinnedDocument

/** `sha-256=:…:` of the canonical JSON of a value. */
export const digestOf = (value: unknown): string => digested(value).digest

function digested(value: unknown): Snapshot {
  const text = canonicalize(value)
  return { text, digest: `sha-256=:${hash('sha256', text, 'base64')}:` }
}
