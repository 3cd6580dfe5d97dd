import { NotCanonical } from '@ostiary/evidence'
import type { JsonObject } from '../model/json.ts'
import { refuse } from '../model/refusal.ts'
import type { Snapshot } from './pins.ts'
import { duplicateSnapshot, snapshot } from './pins.ts'
import type { ToolKind } from './reference.ts'

export const MAX_DEFINITIONS = 2000
const MAX_DEFINITION = 262_144
/** Instructions are stored with every definition they go with. */
const MAX_INSTRUCTIONS = 32_768
const MAX_LISTING = 16_777_216
const MAX_NAME = 200

/** One look at a server: everything it lists of one kind, all pages together. */
export interface Seen {
  readonly instructions: string | undefined
  readonly kind: ToolKind
  readonly definitions: readonly JsonObject[]
}

/** What a listing says of one name. `ambiguous`: it gave several definitions, so no reader can tell which one counts. */
export interface Listed extends Snapshot {
  readonly ambiguous: boolean
}

/**
 * Digests a listing by name. Definitions whose name cannot stand in a reference are left out, and so stay unknown and unreachable.
 * @throws Refusal TOOL_UNVERIFIED when the listing is beyond the bounds or has no canonical form
 */
export function readListing(server: string, seen: Seen): Map<string, Listed> {
  const tooLarge = (what: string): never => refuse('TOOL_UNVERIFIED', { tool: server, detail: what })
  if (seen.definitions.length > MAX_DEFINITIONS) tooLarge(`it lists more than ${MAX_DEFINITIONS} definitions`)
  if ((seen.instructions ?? '').length > MAX_INSTRUCTIONS) {
    tooLarge(`its instructions are longer than ${MAX_INSTRUCTIONS} characters`)
  }
  const byName = new Map<string, JsonObject[]>()
  for (const definition of seen.definitions) {
    const { name } = definition
    if (!isUsableName(seen.kind, name)) continue
    const same = byName.get(name)
    if (same) same.push(definition)
    else byName.set(name, [definition])
  }
  const listed = new Map<string, Listed>()
  let total = 0
  for (const [name, definitions] of byName) {
    const one = digest(server, seen.instructions, definitions)
    if (one.text.length > (MAX_DEFINITION + MAX_INSTRUCTIONS) * definitions.length) {
      tooLarge(`one definition is larger than ${MAX_DEFINITION} characters`)
    }
    total += one.text.length - (seen.instructions ?? '').length
    if (total > MAX_LISTING) tooLarge(`its definitions are larger than ${MAX_LISTING} characters together`)
    listed.set(name, one)
  }
  return listed
}

function digest(
  server: string,
  instructions: string | undefined,
  definitions: readonly JsonObject[],
): Listed {
  const [first, second] = definitions
  try {
    return first && !second
      ? { ...snapshot(instructions, first), ambiguous: false }
      : { ...duplicateSnapshot(instructions, definitions), ambiguous: true }
  } catch (error) {
    if (!(error instanceof NotCanonical)) throw error
    return refuse('TOOL_UNVERIFIED', { tool: server, detail: `in a definition, ${error.message}` })
  }
}

/** `*` means all tools, and `prompt:` marks prompts: no tool may pass for either. Control characters are in no honest name. */
function isUsableName(kind: ToolKind, name: unknown): name is string {
  if (typeof name !== 'string' || name === '' || name.length > MAX_NAME || name === '*') return false
  if (kind === 'tool' && name.startsWith('prompt:')) return false
  return !/\p{Cc}/u.test(name)
}
