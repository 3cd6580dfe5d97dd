import type { Action } from '../model/action.ts'
import type { Constraints, Grant, GrantDetail, GrantKind } from '../model/grant.ts'
import type { Json, JsonObject } from '../model/json.ts'
import { isObject } from '../model/json.ts'
import type { Reason } from '../model/reasons.ts'
import { reason } from '../model/reasons.ts'
import { violated } from './constraints.ts'

/** A grant ready to be asked on every call. */
export interface CompiledGrant extends Grant {
  readonly servers: ReadonlySet<string>
  /** Why the grant does not cover the action; undefined when it does. */
  covers(action: Action): Reason | undefined
  /** For filtering lists: true when some call with this name could be covered. */
  allowsName(kind: GrantKind, server: string, name: string): boolean
}

export function compileGrant(grant: Grant): CompiledGrant {
  const servers = new Set(grant.details.map((detail) => detail.server))
  const byKey = Map.groupBy(grant.details, (detail) => `${detail.kind}\n${detail.server}`)

  const matching = (kind: GrantKind, server: string, name: string): GrantDetail[] =>
    (byKey.get(`${kind}\n${server}`) ?? []).filter((detail) => names(detail, name))

  return {
    ...grant,
    servers,
    allowsName: (kind, server, name) =>
      kind === 'resource' && name === ''
        ? byKey.has(`resource\n${server}`)
        : matching(kind, server, name).length > 0,
    covers(action) {
      if (!servers.has(action.server)) return missing(action.server)
      const target = targetOf(action)
      if (target === undefined) return undefined
      const details = matching(target.kind, action.server, target.name)
      if (details.length === 0) return missing(`${action.server}/${target.name.slice(0, 200)}`)
      let last: Reason | undefined
      for (const detail of details) {
        const broken = check(detail.constraints, target.args, `${action.server}/${target.name}`)
        if (!broken) return undefined
        last = broken
      }
      return last
    },
  }
}

const missing = (action: string): Reason => reason('GRANT_MISSING', { action })

function names(detail: GrantDetail, name: string): boolean {
  if (detail.name === name || detail.name === '*') return true
  if (detail.kind !== 'resource' || !detail.name.endsWith('*')) return false
  // A URI that climbs is refused, however its reader would resolve it.
  return !/(^|[/\\])\.\.([/\\]|$)|%(2e|2f|5c|00)/i.test(name) && name.startsWith(detail.name.slice(0, -1))
}

interface Target {
  readonly kind: GrantKind
  readonly name: string
  readonly args: JsonObject
}

/** What a grant has to name for this action; undefined when naming the server is enough. */
function targetOf(action: Action): Target | undefined {
  switch (action.kind) {
    case 'tool':
    case 'prompt':
    case 'resource':
      return { kind: action.kind, name: action.name ?? '', args: action.args ?? {} }
    case 'complete':
      return completionTarget(action.params)
    default:
      return undefined
  }
}

/** Completion is asked for a prompt's or a resource template's argument: who may not use it may not probe it. */
function completionTarget(params: Json | undefined): Target {
  const ref = isObject(params) && isObject(params.ref) ? params.ref : {}
  return typeof ref.name === 'string'
    ? { kind: 'prompt', name: ref.name, args: {} }
    : { kind: 'resource', name: String(ref.uri ?? '').split('{', 1)[0] as string, args: {} }
}

function check(constraints: Constraints, args: JsonObject, action: string): Reason | undefined {
  for (const [argument, constraint] of Object.entries(constraints)) {
    const rule = violated(constraint, Object.hasOwn(args, argument) ? args[argument] : undefined)
    if (rule !== undefined) return reason('GRANT_CONSTRAINT', { action, argument, rule })
  }
  return undefined
}
