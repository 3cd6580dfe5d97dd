import type { CompiledGrant } from '../../../grants/compile.ts'
import { replaceValue } from '../../../lib/json-splice.ts'
import type { Json, JsonObject } from '../../../model/json.ts'
import { isObject } from '../../../model/json.ts'
import type { ToolView } from '../../../registry/tools.ts'
import type { MethodRow } from './methods.ts'

/** Definitions in a list result, as objects; members that are none are left out. */
export function definitionsIn(result: Json | undefined, member: string): readonly JsonObject[] {
  const list = isObject(result) ? result[member] : undefined
  return Array.isArray(list) ? (list as readonly Json[]).filter(isObject) : []
}

/**
 * Leaves in a list only what the task may use and what is approved and unchanged: the rest is neither listed nor callable.
 * Marks the list private where its era has cache scopes, because it now depends on who asked.
 */
export function filterListing(
  text: string,
  result: JsonObject,
  lists: NonNullable<MethodRow['lists']>,
  server: string,
  grant: CompiledGrant,
  views: ReadonlyMap<string, ToolView>,
): string {
  const all = definitionsIn(result, lists.member)
  const kept = all.filter((definition) => {
    const name = definition[lists.key]
    if (typeof name !== 'string') return false
    if (lists.kind === 'resource') return grant.allowsName('resource', server, plainPrefix(name))
    if (!grant.allowsName(lists.kind, server, name)) return false
    const view = views.get(`${lists.kind}:${name}`)
    return view?.status === 'approved' && view.seenDigest === view.pinnedDigest
  })
  const list = result[lists.member]
  let out = text
  if (!Array.isArray(list) || kept.length !== list.length) {
    out = replaceValue(out, ['result', lists.member], JSON.stringify(kept))
  }
  if (result.cacheScope !== undefined && result.cacheScope !== 'private') {
    out = replaceValue(out, ['result', 'cacheScope'], '"private"')
  }
  return out
}

/** The part of a URI template before its first variable; a whole URI is its own prefix. */
const plainPrefix = (uri: string): string => uri.split('{', 1)[0] as string
