import type { ToolRow } from '../store/schema.ts'

export type ToolKind = ToolRow['kind']

/** How people name a definition: `server/tool` or `server/prompt:name`. */
export const referTo = (server: string, kind: ToolKind, name: string): string =>
  kind === 'prompt' ? `${server}/prompt:${name}` : `${server}/${name}`

export interface Reference {
  readonly server: string
  readonly kind: ToolKind
  /** `*` for every proposed definition of the server, of either kind. */
  readonly name: string
}

/** Reads a reference; undefined when the text is none. */
export function parseReference(text: string): Reference | undefined {
  const slash = text.indexOf('/')
  const server = text.slice(0, slash)
  const rest = text.slice(slash + 1)
  if (slash < 1 || rest === '') return undefined
  return rest.startsWith('prompt:') && rest.length > 7
    ? { server, kind: 'prompt', name: rest.slice(7) }
    : { server, kind: 'tool', name: rest }
}

/** Key of a definition within its server. */
export const keyOf = (kind: ToolKind, name: string): string => `${kind}:${name}`
