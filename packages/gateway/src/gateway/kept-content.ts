import { canonicalize } from '@ostiary/evidence'
import type { Action } from '../model/action.ts'
import type { Json, JsonObject } from '../model/json.ts'
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

/** Whom a call is about: the subject of its task, and what stands in the arguments that name subjects. */
export function aboutOf(
  { subject }: Pick<Task, 'subject'>,
  args: JsonObject | undefined,
  subjectArguments: readonly string[],
): readonly string[] {
  const named = subjectArguments.flatMap((name) => {
    const value = args && Object.hasOwn(args, name) ? args[name] : undefined
    if (value === undefined || value === null) return []
    const text = typeof value === 'string' ? value : canonicalize(value)
    return text.length > 0 && text.length <= MAX_NAME ? [text] : []
  })
  return [...new Set([...(subject === undefined ? [] : [subject]), ...named])]
}

/** Small arguments first, so that one giant does not keep the rest out. What does not fit is named with its size. */
function fitting(args: JsonObject): JsonObject {
  const sized = Object.entries(args)
    .map(([name, value]) => ({
      name,
      value,
      bytes: Buffer.byteLength(JSON.stringify(value)) + name.length + 4,
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
