import { hash } from 'node:crypto'
import { canonicalize } from '@ostiary/evidence'
import type { JsonObject } from '../model/json.ts'

/**
 * Digest of everything a model could read of a definition: every member, known or not, and the server's instructions beside it.
 * RFC 9530 form.
 */
export const digestDefinition = (instructions: string | undefined, definition: JsonObject): string =>
  `sha-256=:${hash('sha256', canonicalize({ instructions: instructions ?? null, definition }), 'base64')}:`
