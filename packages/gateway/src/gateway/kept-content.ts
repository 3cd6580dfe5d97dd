import { canonicalize } from '@ostiary/evidence'
import type { Action } from '../model/action.ts'
import type { Grant } from '../model/grant.ts'
import type { Json, JsonObject } from '../model/json.ts'
import { subjectName } from '../model/subject-name.ts'
import type { Task } from '../model/task.ts'

/** Bytes of canonical JSON kept of one call's arguments, or of its result. */
const MAX_KEPT = 32_768
/** Longer values name nobody. */
const MAX_NAME = 200

/** What is sealed beside the intent of a call. A resource's URI often names whom it is about, so it is content too. */
export function callContent(
  { kind, name, args }: Pick<Action, 'kind' | 'name' | 'args'>,
  keepsArguments: boolean,
): JsonObject | undefined {
  const content: JsonObject = {
    ...(kind === 'resource' && name !== undefined ? { name: name.slice(0, 2000) } : {}),
    ...(keepsArguments && args && Object.keys(args).length > 0 ? { arguments: fitting(args) } : {}),
  }
  return Object.keys(content).length === 0 ? undefined : content
}

/** A result as far as there is room. */
export function resultContent(result: Json): JsonObject {
  const bytes = Buffer.byteLength(JSON.stringify(result))
  return bytes > MAX_KEPT ? { omitted_bytes: bytes } : { result }
}

/**
 * Whom a call is about, and so all that is kept of it: the subject of its task, and what stands in the arguments that name subjects, each of
 * several in a list. Nothing where it is about nobody.
 */
export function aboutOf(
  { subject }: Pick<Task, 'subject'>,
  { args }: Pick<Action, 'args'>,
  { subjectArguments }: Pick<Grant, 'subjectArguments'>,
): { readonly about?: readonly string[] } {
  const named = subjectArguments.flatMap((name) =>
    valuesOf(args, name).map((value) => (typeof value === 'string' ? value : canonicalize(value))),
  )
  const short = named.filter((text) => text.length <= MAX_NAME)
  const names = [...(subject === undefined ? [] : [subject]), ...short].map(subjectName)
  const about = [...new Set(names)].filter((name) => name !== '')
  return about.length === 0 ? {} : { about }
}

/** What an argument holds: each value of a list, of whatever depth, and never null. */
export function valuesOf(args: JsonObject | undefined, name: string): readonly Json[] {
  const flat = (value: Json): readonly Json[] => {
    if (value === null) return []
    return Array.isArray(value) ? (value as readonly Json[]).flatMap(flat) : [value]
  }
  return args && Object.hasOwn(args, name) ? flat(args[name] as Json) : []
}

/** Small arguments first, so that one giant does not keep the rest out. What does not fit is named with its size. */
function fitting(args: JsonObject): JsonObject {
  const sized = Object.entries(args)
    .map(([name, value]) => ({
      name,
      value,
      bytes: Buffer.byteLength(JSON.stringify(value)) + Buffer.byteLength(JSON.stringify(name)) + 2,
    }))
    .sort((a, b) => a.bytes - b.bytes)
  const kept: [string, Json][] = []
  let room = MAX_KEPT
  let omitted = 0
  for (const { name, value, bytes } of sized) {
    room -= bytes
    if (room < 0) omitted += bytes
    else kept.push([name, value])
  }
  return { ...Object.fromEntries(kept), ...(omitted === 0 ? {} : { 'ostiary:omitted_bytes': omitted }) }
}
