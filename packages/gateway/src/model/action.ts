import type { Json, JsonObject } from './json.ts'

export type Era = 'legacy' | 'modern'

/**
 * What an action is, for the stages: the closed set of things a message can ask for.
 * `session` = handshake and discovery, `list` = listing definitions or resources, `complete` = argument completion,
 * `subscribe` = a stream of notifications, `control` = ping, log level, cancellation and other protocol upkeep,
 * `reply` = the client's answer to a request the upstream made, `model` = asking a model of a provider.
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
  | 'model'

/** What is asked, in one shape for every transport. */
export interface Action {
  readonly protocol: 'mcp' | 'llm'
  readonly era: Era
  /** The MCP server, or the provider of a model. */
  readonly server: string
  readonly method: string
  readonly kind: ActionKind
  /** Tool, prompt or model name, or resource URI, as the upstream knows it. */
  readonly name: string | undefined
  readonly args: JsonObject | undefined
  readonly params: Json | undefined
  /** `sha-256=:…:` of the exact request body, as in RFC 9530. */
  readonly contentDigest: string
  /** Size of the request body in bytes. */
  readonly bytes: number
}
