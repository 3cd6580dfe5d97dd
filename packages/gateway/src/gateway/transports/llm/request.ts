import type { Json, JsonObject } from '../../../model/json.ts'
import { isObject } from '../../../model/json.ts'
import type { BypassingTool, DeclaredTool, ModelRequest, Path, RequestPart } from './codec.ts'

/** Collects what a codec finds in a request. */
export class Reading {
  readonly parts: RequestPart[] = []
  readonly tools: DeclaredTool[] = []
  readonly bypassing: BypassingTool[] = []
  readonly hidden: Path[] = []
  readonly unknown: Path[] = []

  text(standing: RequestPart['standing'], path: Path, text: Json | undefined, source?: string): void {
    if (typeof text === 'string') this.part(standing, 'text', path, text, source)
    else this.unreadable(path, text, source)
  }

  /** Something that is not text: a link when it is an address that the provider would fetch, otherwise bytes or data. */
  attached(path: Path, value: Json | undefined, source: string): void {
    const links = addresses(value)
    for (const link of links) this.part('untrusted', 'link', path, link, source)
    if (links.length === 0) this.part('untrusted', 'media', path, JSON.stringify(value ?? null), source)
  }

  /** Untrusted whatever it is, with all its text. */
  data(standing: 'model' | 'untrusted', path: Path, value: Json | undefined, source?: string): void {
    const kind = typeof value === 'string' ? 'text' : 'data'
    this.part(standing, kind, path, typeof value === 'string' ? value : JSON.stringify(value ?? null), source)
    // Also in what a tool gave, or a model is said to have said, a provider would fetch what is attached.
    for (const node of attachedIn(value)) this.attached(path, node, source ?? 'attached')
  }

  /** A type of content that this codec does not know: shown as untrusted, and listed so that it can be refused. */
  unreadable(path: Path, value: Json | undefined, source?: string): void {
    if (value === undefined || value === null) return
    this.part('untrusted', 'unknown', path, JSON.stringify(value), source)
    this.unknown.push(path)
  }

  tool(path: Path, definition: JsonObject, schema: Json | undefined): void {
    const { name, description } = definition
    if (typeof name !== 'string') this.unknown.push(path)
    else
      this.tools.push({
        name,
        description: typeof description === 'string' ? description : undefined,
        schema,
        path,
      })
  }

  bypass(path: Path, type: string, runs: BypassingTool['runs'], removable = true): void {
    this.bypassing.push({ type, runs, path, removable })
  }

  /** Every member that is not known by name could do anything. */
  members(body: JsonObject, known: ReadonlySet<string>, hidden: ReadonlySet<string>): void {
    for (const [key, value] of Object.entries(body)) {
      if (value === null) continue
      if (hidden.has(key)) this.hidden.push([key])
      else if (!known.has(key)) this.unknown.push([key])
    }
  }

  done(model: string | undefined, stream: boolean): ModelRequest {
    const { parts, tools, bypassing, hidden, unknown } = this
    return { model, stream, parts, tools, bypassing, hidden, unknown }
  }

  private part(
    standing: RequestPart['standing'],
    kind: RequestPart['kind'],
    path: Path,
    text: string,
    source: string | undefined,
  ): void {
    this.parts.push({ standing, kind, path, text, ...(source === undefined ? {} : { source }) })
  }
}

const ATTACHED = /^(?:input_)?(?:image|file|audio|video|document)(?:_url)?$|^computer_screenshot$/
/** Arguments and results are data to every provider, whatever they look like. */
const OPAQUE: ReadonlySet<string> = new Set(['args', 'arguments', 'input', 'response'])

function* attachedIn(value: Json | undefined): Generator<Json> {
  if (Array.isArray(value)) for (const item of items(value)) yield* attachedIn(item)
  if (!isObject(value)) return
  const file = value.fileData ?? value.file_data
  if (file !== undefined) yield file
  if (typeof value.type === 'string' && ATTACHED.test(value.type)) yield value.source ?? value
  else for (const [key, child] of Object.entries(value)) if (!OPAQUE.has(key)) yield* attachedIn(child)
}

function addresses(value: Json | undefined): string[] {
  if (typeof value === 'string') return /^(?!data:)[a-z][a-z0-9+.-]*:/i.test(value) ? [value] : []
  if (typeof value !== 'object' || value === null) return []
  return Object.values(value).flatMap((child) => addresses(child as Json))
}

export const items = (value: Json | undefined): readonly Json[] =>
  Array.isArray(value) ? (value as readonly Json[]) : []

export const stringOf = (value: Json | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined

/** The objects in a list, with their paths; anything else in it is listed as unknown. */
export function* objects(
  reading: Reading,
  path: Path,
  value: Json | undefined,
): Generator<[Path, JsonObject]> {
  if (value !== undefined && value !== null && !Array.isArray(value)) reading.unreadable(path, value)
  for (const [index, item] of items(value).entries()) {
    if (isObject(item)) yield [[...path, index], item]
    else reading.unreadable([...path, index], item)
  }
}

/** The request without the tools that would bypass the gateway, as a new object; lists left empty go too. */
export function withoutBypassing(body: JsonObject, request: ModelRequest): JsonObject {
  const copy = structuredClone(body) as Record<string, unknown>
  // From the back, so that what is still to be taken out keeps its place.
  for (const { path } of request.bypassing.filter((tool) => tool.removable).reverse()) {
    const key = path.at(-1) as string | number
    const parent = at(copy, path.slice(0, -1))
    if (Array.isArray(parent)) parent.splice(key as number, 1)
    else delete parent[key]
  }
  if (Array.isArray(copy.tools)) {
    copy.tools = copy.tools.filter((tool: unknown) => !isObject(tool) || Object.keys(tool).length > 0)
  }
  if (Array.isArray(copy.tools) && copy.tools.length === 0) {
    // A choice among no tools is an error to every provider.
    for (const key of ['tools', 'tool_choice', 'toolConfig', 'tool_config', 'parallel_tool_calls'])
      delete copy[key]
  }
  return copy as unknown as JsonObject
}

function at(root: Record<string, unknown>, path: Path): Record<string, unknown> {
  return path.reduce<Record<string, unknown>>(
    (node, key) => node[key as string] as Record<string, unknown>,
    root,
  )
}
