import type { Json, JsonObject } from './json.ts'

export type Era = 'legacy' | 'modern'

/**
 * What an action is, for the stages: the closed set of things a message can ask for.
 * `session` = handshake and discovery, `list` = listing definitions or resources, `complete` = argument completion,
 * `subscribe` = a stream of notifications, `control` = ping, log level, cancellation and other protocol upkeep,
 * `reply` = the client's answer to a request the upstream made.
 */
export type ActionKind =
  | 'session'
  | 'list'
  | 'tool'
  | 'prompt'
  | 'resource'
  | 'complete'
  | 'subscribe'
  | 'control'
  | 'reply'

/** What is asked, in one shape for every transport. */
export interface Action {
  readonly protocol: 'mcp'
  readonly era: Era
  readonly server: string
  readonly method: string
  readonly kind: ActionKind
  /** Tool or prompt name, or resource URI, as the upstream knows it. */
  readonly name: string | undefined
  readonly args: JsonObject | undefined
  readonly params: Json | undefined
  /** `sha-256=:…:` of the exact request body, as in RFC 9530. */
  readonly contentDigest: string
  /** Size of the request body in bytes. */
  readonly bytes: number
}
