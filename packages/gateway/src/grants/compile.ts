import type { Action } from '../model/action.ts'
import type { Constraints, Grant, GrantDetail, GrantKind } from '../model/grant.ts'
import type { Json, JsonObject } from '../model/json.ts'
import { isObject } from '../model/json.ts'
import type { Reason } from '../model/reasons.ts'
import { reason } from '../model/reasons.ts'
import { isAmbiguousPath } from './ambiguous-path.ts'
import { violated } from './constraints.ts'

/** A grant ready to be asked on every call. */
export interface CompiledGrant extends Grant {
  readonly servers: ReadonlySet<string>
  /** Why the grant does not cover the action; undefined when it does. */
  covers(action: Action): Reason | undefined
  /** For filtering lists: true when some call with this name could be covered. An empty resource name asks for any resource. */
  allowsName(kind: GrantKind, server: string, name: string): boolean
}

/** The details about one kind of thing on one server, by how they name it. */
interface Names {
  readonly exact: Map<string, GrantDetail[]>
  readonly any: GrantDetail[]
  readonly prefixes: { readonly prefix: string; readonly detail: GrantDetail }[]
}

const NONE: readonly GrantDetail[] = Object.freeze([])

export function compileGrant(grant: Grant): CompiledGrant {
  const servers = new Set(grant.details.map((detail) => detail.server))
  const index = {
    tool: new Map<string, Names>(),
    prompt: new Map<string, Names>(),
    resource: new Map<string, Names>(),
    model: new Map<string, Names>(),
  }
  for (const detail of grant.details) addTo(index[detail.kind], detail)

  const matching = (kind: GrantKind, server: string, name: string): readonly GrantDetail[] => {
    const names = index[kind].get(server)
    return names ? named(names, name) : NONE
  }

  return {
    ...grant,
    servers,
    allowsName: (kind, server, name) =>
      kind === 'resource' && name === ''
        ? index.resource.has(server)
        : matching(kind, server, name).length > 0,
    covers(action) {
      if (!servers.has(action.server)) return missing(action.server)
      const target = targetOf(action)
      if (target === undefined) return undefined
      const details = target === 'nothing' ? NONE : matching(target.kind, action.server, target.name)
      if (target === 'nothing' || details.length === 0) return missing(label(action, target))
      let last: Reason | undefined
      for (const detail of details) {
        last = check(detail.constraints, target.args, action)
        if (!last) return undefined
      }
      return last
    },
  }
}

function addTo(index: Map<string, Names>, detail: GrantDetail): void {
  const { server, name } = detail
  let names = index.get(server)
  if (!names) {
    names = { exact: new Map(), any: [], prefixes: [] }
    index.set(server, names)
  }
  if (name === '*') names.any.push(detail)
  else {
    names.exact.set(name, [...(names.exact.get(name) ?? []), detail])
    // Only resources have prefixes; a tool name that ends in * is just a name.
    if (detail.kind === 'resource' && name.endsWith('*'))
      names.prefixes.push({ prefix: name.slice(0, -1), detail })
  }
}

function named({ exact, any, prefixes }: Names, name: string): readonly GrantDetail[] {
  const own = exact.get(name) ?? NONE
  // A URI that climbs is under no prefix, however its reader would resolve it.
  const under =
    prefixes.length > 0 && !isAmbiguousPath(name)
      ? prefixes.filter(({ prefix }) => name.startsWith(prefix)).map(({ detail }) => detail)
      : NONE
  if (under.length > 0) return [...own, ...any, ...under]
  if (own.length === 0) return any
  return any.length === 0 ? own : [...own, ...any]
}

interface Target {
  readonly kind: GrantKind
  readonly name: string
  readonly args: JsonObject
}

const NO_ARGUMENTS: JsonObject = Object.freeze({})

/** What a grant has to name for this action; undefined when naming the server is enough, `nothing` when no grant can name it. */
function targetOf(action: Action): Target | 'nothing' | undefined {
  switch (action.kind) {
    case 'tool':
    case 'prompt':
    case 'resource':
    case 'model':
      return action.name === undefined
        ? 'nothing'
        : { kind: action.kind, name: action.name, args: action.args ?? NO_ARGUMENTS }
    case 'complete':
      return completionTarget(action.params)
    case 'session':
    case 'list':
    case 'subscribe':
    case 'control':
    case 'reply':
      return undefined
  }
}

/**
 * Completion is asked for a prompt's or a resource template's argument: who may not use it may not probe it. Only `ref.type` says which
 * of the two the server will read (MCP 2025-11-25, completion).
 */
function completionTarget(params: Json | undefined): Target | 'nothing' {
  const ref = isObject(params) && isObject(params.ref) ? params.ref : NO_ARGUMENTS
  if (ref.type === 'ref/prompt' && typeof ref.name === 'string') {
    return { kind: 'prompt', name: ref.name, args: NO_ARGUMENTS }
  }
  if (ref.type === 'ref/resource' && typeof ref.uri === 'string') {
    return { kind: 'resource', name: ref.uri.split('{', 1)[0] as string, args: NO_ARGUMENTS }
  }
  return 'nothing'
}

const missing = (action: string): Reason => reason('GRANT_MISSING', { action })

const label = (action: Action, target: Target | 'nothing'): string =>
  target === 'nothing' ? `${action.server}/${action.method}` : `${action.server}/${target.name.slice(0, 200)}`

function check(constraints: Constraints, args: JsonObject, action: Action): Reason | undefined {
  for (const argument in constraints) {
    const rule = violated(
      constraints[argument] as Constraints[string],
      Object.hasOwn(args, argument) ? args[argument] : undefined,
    )
    if (rule !== undefined) {
      return reason('GRANT_CONSTRAINT', {
        action: `${action.server}/${action.name ?? ''}`.slice(0, 200),
        argument,
        rule,
      })
    }
  }
  return undefined
}
