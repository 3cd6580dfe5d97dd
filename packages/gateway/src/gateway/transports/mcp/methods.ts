import type { ActionKind, Era } from '../../../model/action.ts'

/** How one method is treated. */
export interface MethodRow {
  readonly eras: readonly Era[]
  readonly kind: ActionKind
  /** The member of `params` that names the target, also carried by the `Mcp-Name` header in the modern era. */
  readonly target?: 'name' | 'uri'
  /** Member of the result that lists definitions to filter, with the kind a grant knows them by. */
  readonly lists?: {
    readonly member: string
    readonly kind: 'tool' | 'prompt' | 'resource'
    readonly key: string
  }
  /** The gateway answers the aggregate endpoint itself. */
  readonly notification?: true
}

const BOTH = ['legacy', 'modern'] as const
const LEGACY = ['legacy'] as const
const MODERN = ['modern'] as const

/**
 * Every method a client may send; anything else is refused. Specifications 2025-03-26 to 2025-11-25 (legacy) and 2026-07-28 (modern).
 * Task methods and other extensions are refused until they have rules.
 */
// biome-ignore format: a table
export const CLIENT_METHODS: ReadonlyMap<string, MethodRow> = new Map<string, MethodRow>([
  ['initialize',                       { eras: LEGACY, kind: 'session' }],
  ['notifications/initialized',        { eras: LEGACY, kind: 'session', notification: true }],
  ['server/discover',                  { eras: MODERN, kind: 'session' }],
  ['ping',                             { eras: LEGACY, kind: 'control' }],
  ['tools/list',                       { eras: BOTH,   kind: 'list', lists: { member: 'tools', kind: 'tool', key: 'name' } }],
  ['tools/call',                       { eras: BOTH,   kind: 'tool', target: 'name' }],
  ['prompts/list',                     { eras: BOTH,   kind: 'list', lists: { member: 'prompts', kind: 'prompt', key: 'name' } }],
  ['prompts/get',                      { eras: BOTH,   kind: 'prompt', target: 'name' }],
  ['resources/list',                   { eras: BOTH,   kind: 'list', lists: { member: 'resources', kind: 'resource', key: 'uri' } }],
  ['resources/templates/list',         { eras: BOTH,   kind: 'list', lists: { member: 'resourceTemplates', kind: 'resource', key: 'uriTemplate' } }],
  ['resources/read',                   { eras: BOTH,   kind: 'resource', target: 'uri' }],
  ['resources/subscribe',              { eras: LEGACY, kind: 'resource', target: 'uri' }],
  ['resources/unsubscribe',            { eras: LEGACY, kind: 'resource', target: 'uri' }],
  ['subscriptions/listen',             { eras: MODERN, kind: 'subscribe' }],
  ['completion/complete',              { eras: BOTH,   kind: 'complete' }],
  ['logging/setLevel',                 { eras: LEGACY, kind: 'control' }],
  ['notifications/cancelled',          { eras: BOTH,   kind: 'control', notification: true }],
  ['notifications/progress',           { eras: LEGACY, kind: 'control', notification: true }],
  ['notifications/roots/list_changed', { eras: LEGACY, kind: 'control', notification: true }],
])

/** Notifications a server may send; anything else is dropped and recorded. */
export const SERVER_NOTIFICATIONS: ReadonlySet<string> = new Set([
  'notifications/progress',
  'notifications/message',
  'notifications/cancelled',
  'notifications/tools/list_changed',
  'notifications/prompts/list_changed',
  'notifications/resources/list_changed',
  'notifications/resources/updated',
  'notifications/elicitation/complete',
  'notifications/subscriptions/acknowledged',
])

/** Requests a server may send when the operator allowed them (`may_ask`); `ping` is always allowed. */
export const SERVER_REQUESTS: ReadonlyMap<string, 'sampling' | 'elicitation' | 'roots'> = new Map([
  ['sampling/createMessage', 'sampling'],
  ['elicitation/create', 'elicitation'],
  ['roots/list', 'roots'],
])

export const LEGACY_VERSIONS: readonly string[] = ['2025-11-25', '2025-06-18', '2025-03-26']
export const MODERN_VERSIONS: readonly string[] = ['2026-07-28']

/** `_meta` keys of the modern envelope (2026-07-28 basic/index). */
export const META = {
  version: 'io.modelcontextprotocol/protocolVersion',
  capabilities: 'io.modelcontextprotocol/clientCapabilities',
  receipt: 'io.ostiary/receipt',
  decision: 'io.ostiary/decision',
} as const
