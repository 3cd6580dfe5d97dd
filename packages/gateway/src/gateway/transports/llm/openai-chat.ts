import type { SseEvent } from '../../../lib/sse.ts'
import type { Json, JsonObject } from '../../../model/json.ts'
import { isObject } from '../../../model/json.ts'
import type { CallVerdict, Codec, ModelRequest, Path, ToolCall } from './codec.ts'
import type { Judge, Tree, TreeObject } from './judge.ts'
import { isTree, listOf, readArguments, textOf, unreadable, withoutTokens } from './judge.ts'
import { objects, Reading, stringOf } from './request.ts'
import type { StreamReader } from './stream.ts'
import { emitted, Held } from './stream.ts'

/** OpenAI chat completions: `POST /v1/chat/completions`, spoken by many other servers too. */
export const openaiChat: Codec = {
  api: 'openai-chat',
  readRequest,
  settle,
  reader: (judge) => new ChatReader(judge),
  errorEvent: (code, message) =>
    `data: ${JSON.stringify({ error: { message: `Ostiary: ${message}`, type: 'ostiary', param: null, code } })}`,
}

// biome-ignore format: a list
const KNOWN = new Set([
  'model', 'messages', 'tools', 'functions', 'tool_choice', 'function_call', 'parallel_tool_calls', 'stream', 'stream_options',
  'temperature', 'top_p', 'n', 'stop', 'max_tokens', 'max_completion_tokens', 'presence_penalty', 'frequency_penalty',
  'logit_bias', 'logprobs', 'top_logprobs', 'user', 'seed', 'response_format', 'reasoning_effort', 'verbosity', 'service_tier',
  'metadata', 'store', 'safety_identifier', 'prompt_cache_key', 'prompt_cache_retention', 'modalities', 'web_search_options',
])

function readRequest(body: JsonObject): ModelRequest {
  const reading = new Reading()
  reading.members(body, KNOWN, new Set())
  for (const [path, message] of objects(reading, ['messages'], body.messages))
    readMessage(reading, path, message)
  for (const [path, tool] of objects(reading, ['tools'], body.tools)) {
    const { type, function: definition, custom } = tool
    if (type === 'function' && isObject(definition)) reading.tool(path, definition, definition.parameters)
    else if (type === 'custom' && isObject(custom)) reading.tool(path, custom, custom.format)
    else reading.bypass(path, stringOf(type) ?? 'unknown', 'unknown')
  }
  for (const [path, definition] of objects(reading, ['functions'], body.functions)) {
    reading.tool(path, definition, definition.parameters)
  }
  if (isObject(body.web_search_options))
    reading.bypass(['web_search_options'], 'web_search_options', 'provider')
  const model = stringOf(body.model)
  if (model && /-search-|-search$|deep-research/.test(model))
    reading.bypass(['model'], model, 'provider', false)
  return reading.done(model, body.stream === true)
}

function readMessage(reading: Reading, path: Path, message: JsonObject): void {
  const { role, content } = message
  const at = [...path, 'content']
  if (role === 'tool' || role === 'function') {
    reading.data('untrusted', at, content, stringOf(message.tool_call_id ?? message.name))
  } else if (role === 'assistant') {
    const { role: _, content: __, ...rest } = message
    reading.data('model', at, content)
    if (Object.keys(rest).length > 0) reading.data('model', path, rest)
  } else if (role === 'user') readContent(reading, 'person', at, content)
  else if (role === 'system' || role === 'developer') readContent(reading, 'system', at, content)
  else reading.unreadable(path, message)
}

function readContent(
  reading: Reading,
  standing: 'person' | 'system',
  path: Path,
  content: Json | undefined,
): void {
  if (typeof content === 'string') return reading.text(standing, path, content)
  for (const [at, part] of objects(reading, path, content)) {
    if (part.type === 'text') reading.text(standing, [...at, 'text'], part.text)
    else if (part.type === 'image_url' || part.type === 'file' || part.type === 'input_audio') {
      reading.attached([...at, part.type], part[part.type], part.type)
    } else reading.unreadable(at, part, stringOf(part.type))
  }
}

/** A call as it is whole, in either of the two shapes. */
function callOf(node: TreeObject): ToolCall {
  const type = node.type ?? 'function'
  const body = node[type as string]
  if ((type !== 'function' && type !== 'custom') || !isTree(body)) {
    return {
      kind: 'unknown',
      id: textOf(node.id),
      name: String(type),
      args: node as Json,
      raw: JSON.stringify(node),
    }
  }
  const raw = textOf(type === 'function' ? body.arguments : body.input)
  const args = type === 'function' ? readArguments(raw) : raw
  return { kind: type, id: textOf(node.id), name: textOf(body.name), args, raw }
}

function withArguments(node: TreeObject, call: ToolCall, args: string): void {
  if (call.kind === 'unknown') throw unreadable('a call of an unknown type cannot be changed')
  ;(node[call.kind] as TreeObject)[call.kind === 'function' ? 'arguments' : 'input'] = args
}

async function settle(body: TreeObject, judge: Judge): Promise<boolean> {
  const choices = listOf(body.choices).filter(isTree)
  const given = choices.map(({ message }) => {
    if (!isTree(message)) return []
    const legacy = isTree(message.function_call) ? [{ function: message.function_call }] : []
    return [...listOf(message.tool_calls).filter(isTree), ...legacy]
  })
  const nodes = given.flat()
  let changed = judge.inspect(body, new Set<unknown>([...nodes, ...nodes.map((node) => node.function)]))
  for (const [at, choice] of choices.entries()) {
    for (const node of given[at] as TreeObject[]) {
      const call = callOf(node)
      const verdict = await judge.verdict(call)
      if (verdict.kind !== 'remove') judge.assertClean(JSON.stringify(node))
      if (verdict.kind === 'replace') withArguments(node, call, verdict.args)
      if (verdict.kind === 'remove') takeOut(choice, node, verdict.notice)
      changed ||= verdict.kind !== 'pass'
    }
  }
  return changed
}

function takeOut(choice: TreeObject, node: TreeObject, notice: string): void {
  const message = choice.message as TreeObject
  message.content = `${textOf(message.content)}\n${notice}`
  if (message.function_call === node.function) delete message.function_call
  if (message.tool_calls) message.tool_calls = listOf(message.tool_calls).filter((other) => other !== node)
  if (listOf(message.tool_calls).length === 0) delete message.tool_calls
  if (!message.tool_calls && !message.function_call) choice.finish_reason = endedBy(choice.finish_reason)
}

const endedBy = (finish: Tree | undefined): Tree =>
  finish === 'tool_calls' || finish === 'function_call' ? 'stop' : (finish ?? null)

interface Gathering {
  readonly node: TreeObject
  /** A client could read the fragments in two ways, so they must not leave as they came. */
  ambiguous: boolean
}

/** What is open in one choice. */
interface Open {
  readonly calls: Map<number, Gathering>
  readonly events: SseEvent[]
  template: TreeObject
}

const LEGACY = -1

class ChatReader implements StreamReader {
  readonly #judge: Judge
  readonly #held: Held
  readonly #open = new Map<number, Open>()
  /** Last chunk that carried a text, per text: what is left at the end goes out in its likeness. */
  readonly #last = new Map<string, TreeObject>()

  constructor(judge: Judge) {
    this.#judge = judge
    this.#held = new Held(judge)
  }

  async event(event: SseEvent, data: TreeObject): Promise<string[]> {
    const choices = listOf(data.choices)
    if (choices.length < 2) return this.#chunk(event, data, false)
    const out: string[] = []
    for (const [at, choice] of choices.entries()) {
      const { usage, ...rest } = data
      const own = {
        ...rest,
        choices: [choice],
        ...(at === choices.length - 1 && usage !== undefined ? { usage } : {}),
      }
      out.push(...(await this.#chunk(event, own, true)))
    }
    return out
  }

  async #chunk(event: SseEvent, data: TreeObject, rewrittenAlready: boolean): Promise<string[]> {
    const [choice] = listOf(data.choices)
    if (choice === undefined)
      return [emitted(event, data, this.#judge.inspect(data, new Set()) || rewrittenAlready)]
    if (!isTree(choice) || !Number.isInteger(choice.index)) throw unreadable('a choice without a number')
    // The official client would put these in the place of what the deltas gave.
    if ('message' in choice || 'text' in choice) throw unreadable('a choice that is whole, in a stream')
    const index = choice.index as number
    const delta = isTree(choice.delta) ? choice.delta : {}
    const finish = choice.finish_reason ?? null
    const out: string[] = []
    let changed = rewrittenAlready
    if (delta.tool_calls || delta.function_call) {
      const { tool_calls, function_call, ...others } = delta
      const rest = Object.keys(others).some((key) => key !== 'role' && others[key] && others[key] !== '')
      this.#gather(index, tool_calls, function_call, data, choice)
      if (!rest && finish === null && !changed) {
        this.#hold(index, event)
        return []
      }
      // The calls and the rest of the chunk part ways: the calls wait.
      const role = others.role === undefined ? {} : { role: others.role }
      const fragment = {
        ...role,
        ...(tool_calls ? { tool_calls } : {}),
        ...(function_call ? { function_call } : {}),
      }
      const part = chunk(data, choice, fragment)
      const raw = emitted(event, part, true)
      this.#hold(index, { ...event, raw })
      choice.delta = others
      changed = true
    }
    changed = this.#texts(index, data, choice, finish) || changed
    if (finish !== null) {
      const { blocks, kept } = await this.#resolve(index)
      out.push(...blocks)
      if (blocks.length > 0 && kept === 0) {
        choice.finish_reason = endedBy(finish)
        changed = true
      }
    }
    changed = this.#judge.inspect(data, new Set([choice.delta])) || changed
    out.push(emitted(event, data, changed))
    return out
  }

  #hold(index: number, event: SseEvent): void {
    this.#held.add(event)
    this.#open.get(index)?.events.push(event)
  }

  /** Every text of the delta, those of unknown name too, goes through a gate of its own. */
  #texts(index: number, data: TreeObject, choice: TreeObject, finish: Tree): boolean {
    const delta = isTree(choice.delta) ? choice.delta : {}
    let changed = false
    for (const [key, value] of Object.entries(delta)) {
      if (key === 'role' || value === null || (listOf(value).length === 0 && Array.isArray(value))) continue
      if (typeof value !== 'string') {
        if (key !== 'annotations') throw unreadable('a delta of an unknown type')
        changed = this.#judge.inspect(value) || changed
        continue
      }
      const id = `${index}.${key}`
      const text = this.#judge.channel(id).push(value)
      this.#last.set(id, chunk(data, choice, {}))
      if (text === value) continue
      delta[key] = text
      changed = true
    }
    if (changed) withoutTokens(choice)
    if (finish === null) return changed
    for (const [id, rest] of this.#judge.ended(`${index}.`)) {
      this.#last.delete(id)
      if (rest === '') continue
      const key = id.slice(id.indexOf('.') + 1)
      delta[key] = textOf(delta[key]) + rest
      choice.delta = delta
      withoutTokens(choice)
      changed = true
    }
    return changed
  }

  #gather(
    index: number,
    calls: Tree | undefined,
    legacy: Tree | undefined,
    data: TreeObject,
    choice: TreeObject,
  ): void {
    const open = this.#open.get(index) ?? { calls: new Map(), events: [], template: chunk(data, choice, {}) }
    this.#open.set(index, open)
    const fragments = listOf(calls).map((fragment) => {
      if (!isTree(fragment) || !Number.isInteger(fragment.index)) throw unreadable('a call without a number')
      return [fragment.index as number, fragment] as const
    })
    if (legacy) fragments.push([LEGACY, { function: legacy }])
    for (const [at, fragment] of fragments) {
      const call = open.calls.get(at) ?? { node: {}, ambiguous: at > open.calls.size }
      if (!open.calls.has(at) && open.calls.size >= 256) throw unreadable('too many calls')
      open.calls.set(at, call)
      merge(call, call.node, fragment)
    }
  }

  async #resolve(index: number): Promise<{ blocks: string[]; kept: number }> {
    const open = this.#open.get(index)
    if (!open) return { blocks: [], kept: 0 }
    this.#open.delete(index)
    this.#held.release(open.events)
    const kept: [number, TreeObject][] = []
    const notices: string[] = []
    let same = true
    for (const [at, { node, ambiguous }] of [...open.calls].sort(([a], [b]) => a - b)) {
      const call = callOf(node)
      const verdict: CallVerdict = await this.#judge.verdict(call)
      if (verdict.kind === 'replace') withArguments(node, call, verdict.args)
      if (verdict.kind === 'remove') notices.push(`\n${verdict.notice}`)
      else kept.push([at, node])
      same &&= verdict.kind === 'pass' && !ambiguous
    }
    if (same) return { blocks: open.events.map((event) => event.raw), kept: kept.length }
    const blocks = notices.map((content) => likeness(open.template, { role: 'assistant', content }))
    let next = 0
    for (const [at, node] of kept) {
      const delta =
        at === LEGACY
          ? { function_call: node.function as Tree }
          : { tool_calls: [{ ...node, index: next++ }] }
      blocks.push(likeness(open.template, { role: 'assistant', ...delta }))
    }
    return { blocks, kept: kept.length }
  }

  async end(): Promise<string[]> {
    const out: string[] = []
    for (const [id, rest] of this.#judge.ended('')) {
      const last = this.#last.get(id)
      if (rest !== '' && last) out.push(likeness(last, { [id.slice(id.indexOf('.') + 1)]: rest }))
    }
    // Without a reason for the end, a call may lack its last fragments.
    if (this.#open.size > 0) throw unreadable('the answer ended inside a call')
    return out
  }
}

/** Adds a fragment to a call. A name or id that comes again is read differently by different clients. */
function merge(call: Gathering, into: TreeObject, fragment: TreeObject): void {
  for (const [key, value] of Object.entries(fragment)) {
    if (key === 'index' || value === null || value === '') continue
    const before = into[key]
    if (isTree(value)) {
      if (before !== undefined && !isTree(before)) throw unreadable('fragments of a call that do not fit')
      const child = before ?? {}
      into[key] = child
      merge(call, child, value)
    } else if (typeof value === 'string' && (key === 'arguments' || key === 'input')) {
      into[key] = textOf(before) + value
    } else if (before === undefined) into[key] = value
    else if (before !== value) throw unreadable('fragments of a call that contradict each other')
    else call.ambiguous ||= key !== 'type'
  }
  if (isTree(into.function)) into.function.arguments ??= ''
}

/** A chunk like `data` with one choice, of which only `delta` is given. */
function chunk(data: TreeObject, choice: TreeObject, delta: TreeObject): TreeObject {
  const { usage: _, ...rest } = data
  return { ...rest, choices: [{ index: choice.index as Tree, delta, finish_reason: null }] }
}

function likeness(template: TreeObject, delta: TreeObject): string {
  const [choice] = listOf(template.choices)
  return `data: ${JSON.stringify({ ...template, choices: [{ ...(choice as TreeObject), delta }] })}`
}
