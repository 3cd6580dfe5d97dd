import type { SseEvent } from '../../../lib/sse.ts'
import type { Json, JsonObject } from '../../../model/json.ts'
import type { Codec, ModelRequest, Path, ToolCall } from './codec.ts'
import type { Judge, Tree, TreeObject } from './judge.ts'
import { isTree, listOf, readArguments, textOf, unreadable, withoutTokens } from './judge.ts'
import { items, objects, Reading, stringOf } from './request.ts'
import type { StreamReader } from './stream.ts'
import { emitted, Held } from './stream.ts'

/** OpenAI responses: `POST /v1/responses`. */
export const openaiResponses: Codec = {
  api: 'openai-responses',
  readRequest,
  settle,
  reader: (judge) => new ResponseReader(judge),
  errorEvent: (code, message) =>
    block({ type: 'error', code, message: `Ostiary: ${message}`, param: null, sequence_number: 0 }),
}

// biome-ignore format: a list
const KNOWN = new Set([
  'model', 'input', 'instructions', 'tools', 'tool_choice', 'parallel_tool_calls', 'max_tool_calls', 'stream', 'stream_options',
  'temperature', 'top_p', 'top_logprobs', 'max_output_tokens', 'metadata', 'user', 'safety_identifier', 'prompt_cache_key',
  'prompt_cache_retention', 'reasoning', 'text', 'truncation', 'service_tier', 'include', 'store',
])
/** Content that is kept at the provider, or an answer that is fetched later, past this filter. */
const HIDDEN = new Set(['previous_response_id', 'conversation', 'prompt', 'background'])
const RUN_BY_AGENT = /^(local_shell|shell|apply_patch|computer)/

function readRequest(body: JsonObject): ModelRequest {
  const reading = new Reading()
  const given = Object.fromEntries(
    Object.entries(body).filter(([key, value]) => key !== 'background' || value === true),
  )
  reading.members(given, KNOWN, HIDDEN)
  if (typeof body.instructions === 'string') reading.text('system', ['instructions'], body.instructions)
  else reading.unreadable(['instructions'], body.instructions)
  if (typeof body.input === 'string') reading.text('person', ['input'], body.input)
  else for (const [path, item] of objects(reading, ['input'], body.input)) readItem(reading, path, item)
  readTools(reading, ['tools'], body.tools)
  const model = stringOf(body.model)
  if (model && /deep-research|-search-/.test(model)) reading.bypass(['model'], model, 'provider', false)
  return reading.done(model, body.stream === true)
}

function readTools(reading: Reading, path: Path, tools: Json | undefined): void {
  for (const [at, tool] of objects(reading, path, tools)) {
    const type = stringOf(tool.type) ?? 'unknown'
    if (type === 'function') reading.tool(at, tool, tool.parameters)
    else if (type === 'custom') reading.tool(at, tool, tool.format)
    else if (type === 'namespace') readTools(reading, [...at, 'tools'], tool.tools)
    else reading.bypass(at, type, RUN_BY_AGENT.test(type) ? 'agent' : 'provider')
  }
}

function readItem(reading: Reading, path: Path, item: JsonObject): void {
  const type = stringOf(item.type) ?? 'message'
  const at = [...path, 'content']
  if (type === 'message') {
    if (item.role === 'assistant') reading.data('model', at, item.content)
    else if (item.role === 'user') readContent(reading, 'person', at, item.content)
    else if (item.role === 'system' || item.role === 'developer')
      readContent(reading, 'system', at, item.content)
    else reading.unreadable(path, item, type)
  } else if (type === 'function_call' || type === 'custom_tool_call' || type === 'reasoning') {
    reading.data('model', path, item, type)
  } else if (type === 'function_call_output' || type === 'custom_tool_call_output') {
    readOutput(reading, [...path, 'output'], item.output, stringOf(item.call_id))
  } else if (BUILT_IN.test(type)) reading.data('untrusted', path, item, type)
  else reading.unreadable(path, item, type)
}

function readContent(
  reading: Reading,
  standing: 'person' | 'system',
  path: Path,
  content: Json | undefined,
): void {
  if (typeof content === 'string') return reading.text(standing, path, content)
  for (const [at, part] of objects(reading, path, content)) {
    const { type, ...rest } = part
    if (type === 'input_text') reading.text(standing, [...at, 'text'], part.text)
    else if (type === 'input_image' || type === 'input_file' || type === 'input_audio') {
      reading.attached(at, rest, type)
    } else reading.unreadable(at, part, stringOf(type))
  }
}

function readOutput(
  reading: Reading,
  path: Path,
  output: Json | undefined,
  source: string | undefined,
): void {
  if (typeof output === 'string') return reading.data('untrusted', path, output, source)
  for (const [index, part] of items(output).entries())
    reading.data('untrusted', [...path, index], part, source)
  if (!Array.isArray(output)) reading.unreadable(path, output, source)
}

/** Items of tools that the provider makes: their calls, and what those gave. */
const BUILT_IN =
  /^(web_search|file_search|code_interpreter|image_generation|computer|local_shell|shell|apply_patch)_call(_output)?$|^mcp_(call|list_tools|approval_request)$/
const TEXTS = new Set(['message', 'reasoning', 'compaction'])

function callOf(node: TreeObject): ToolCall {
  const type = textOf(node.type)
  const id = textOf(node.call_id) || textOf(node.id)
  const name = textOf(node.name) || type
  if (type === 'function_call') {
    const raw = textOf(node.arguments)
    return { kind: 'function', id, name, args: readArguments(raw), raw }
  }
  if (type === 'custom_tool_call') {
    return { kind: 'custom', id, name, args: textOf(node.input), raw: textOf(node.input) }
  }
  const kind = BUILT_IN.test(type) ? 'provider' : 'unknown'
  return { kind, id, name, args: node as Json, raw: JSON.stringify(node) }
}

const ARGUMENTS: Record<string, string> = { function_call: 'arguments', custom_tool_call: 'input' }

function withArguments(node: TreeObject, args: string): TreeObject {
  const member = ARGUMENTS[textOf(node.type)]
  if (member === undefined) throw unreadable('a call that is not the agent’s cannot be changed')
  return { ...node, [member]: args }
}

/** The message that stands where a call was. */
function noticeItem(node: TreeObject, notice: string, status = 'completed'): TreeObject {
  const content = status === 'completed' ? [noticePart(notice)] : []
  return { id: `msg_${textOf(node.id)}`, type: 'message', role: 'assistant', status, content }
}

const noticePart = (text: string): TreeObject => ({ type: 'output_text', text, annotations: [] })

async function settle(response: TreeObject, judge: Judge): Promise<boolean> {
  const output = listOf(response.output)
  const calls = output.map((item) => {
    if (!isTree(item)) throw unreadable('an output item that is no object')
    return TEXTS.has(textOf(item.type)) ? undefined : item
  })
  let changed = judge.inspect(response, new Set<unknown>(calls))
  for (const [at, node] of calls.entries()) {
    if (!node) continue
    const verdict = await judge.verdict(callOf(node))
    if (verdict.kind !== 'remove') judge.assertClean(JSON.stringify(node))
    if (verdict.kind === 'remove') output[at] = noticeItem(node, verdict.notice)
    if (verdict.kind === 'replace') output[at] = withArguments(node, verdict.args)
    changed ||= verdict.kind !== 'pass'
  }
  return changed
}

const TEXT_DELTA = /^response\.(output_text|refusal|reasoning_text|reasoning_summary_text)\.delta$/
const PASSING =
  /^(error|keepalive|response\.(output_text\.annotation\.added|(content_part|reasoning_summary_part)\.(added|done)))$/
const FINAL = /^response\.(completed|incomplete|failed)$/

interface Whole {
  readonly node: TreeObject
  readonly events: SseEvent[]
  readonly numbers: number[]
  json: string
}

class ResponseReader implements StreamReader {
  readonly #judge: Judge
  readonly #held: Held
  readonly #open = new Map<number, Whole | 'text'>()
  readonly #last = new Map<string, TreeObject>()

  constructor(judge: Judge) {
    this.#judge = judge
    this.#held = new Held(judge)
  }

  async event(event: SseEvent, data: TreeObject): Promise<string[]> {
    const type = textOf(data.type)
    const { response, item } = data
    if (isTree(response)) {
      if (FINAL.test(type) && this.#isInCall()) throw unreadable('the answer ended inside a call')
      const rest = FINAL.test(type) ? this.#rest('') : []
      const changed = await settle(response, this.#judge)
      return [...rest, emitted(event, data, this.#judge.inspect(data, new Set([response])) || changed)]
    }
    if (type === 'error') return [emitted(event, data, this.#judge.inspect(data))]
    if (data.output_index === undefined) {
      if (type !== 'keepalive') throw unreadable('an event of an unknown type')
      return [emitted(event, data, this.#judge.inspect(data))]
    }
    const index = data.output_index as number
    if (type === 'response.output_item.added' && isTree(item)) return this.#added(event, data, index, item)
    const open = this.#open.get(index)
    if (type === 'response.output_item.done' && isTree(item)) {
      return this.#done(event, data, index, item, open)
    }
    if (open === undefined) throw unreadable('an event of an item that did not begin')
    return open === 'text' ? this.#text(event, data, type, index) : this.#hold(event, data, type, open)
  }

  #added(event: SseEvent, data: TreeObject, index: number, item: TreeObject): string[] {
    if (this.#open.has(index)) throw unreadable('an item that began twice')
    if (TEXTS.has(textOf(item.type))) {
      this.#open.set(index, 'text')
      return [emitted(event, data, this.#judge.inspect(data))]
    }
    this.#held.add(event)
    this.#open.set(index, { node: item, events: [event], numbers: [numberOf(data)], json: '' })
    return []
  }

  #text(event: SseEvent, data: TreeObject, type: string, index: number): string[] {
    const key = (delta: string) => `${index}.${delta}.${data.content_index ?? data.summary_index ?? ''}.`
    if (TEXT_DELTA.test(type) && typeof data.delta === 'string') {
      const before = data.delta
      const delta = this.#judge.channel(key(type)).push(before)
      this.#last.set(key(type), { ...data, ...(data.logprobs ? { logprobs: [] } : {}) })
      const { delta: _, ...others } = data
      const changed = this.#judge.inspect(others) || delta !== before
      const now = { ...others, delta }
      if (delta !== before) withoutTokens(now)
      return [emitted(event, now, changed)]
    }
    const started = type.replace(/\.done$/, '.delta')
    if (!PASSING.test(type) && !TEXT_DELTA.test(started)) throw unreadable('an event of an unknown type')
    const rest = TEXT_DELTA.test(started) ? this.#rest(key(started)) : []
    return [...rest, emitted(event, data, this.#judge.inspect(data))]
  }

  #hold(event: SseEvent, data: TreeObject, type: string, open: Whole): string[] {
    open.numbers.push(numberOf(data))
    const kind = textOf(open.node.type)
    if (kind in ARGUMENTS) {
      const name =
        kind === 'function_call' ? 'response.function_call_arguments' : 'response.custom_tool_call_input'
      if (type === `${name}.delta`) open.json += textOf(data.delta)
      else if (type !== `${name}.done` || data[ARGUMENTS[kind] as string] !== open.json) {
        throw unreadable('an event that does not fit its call')
      }
    } else if (Object.keys(data).some((key) => !BARE.has(key))) return []
    this.#held.add(event)
    open.events.push(event)
    return []
  }

  async #done(
    event: SseEvent,
    data: TreeObject,
    index: number,
    item: TreeObject,
    open: Whole | 'text' | undefined,
  ): Promise<string[]> {
    this.#open.delete(index)
    if (TEXTS.has(textOf(item.type))) {
      if (open !== 'text') throw unreadable('an item that ended as another')
      return [...this.#rest(`${index}.`), emitted(event, data, this.#judge.inspect(data))]
    }
    if (open === undefined || open === 'text' || !fits(open, item))
      throw unreadable('an item that ended as another')
    this.#held.release(open.events)
    const verdict = await this.#judge.verdict(callOf(item))
    if (verdict.kind !== 'remove') this.#judge.assertClean(event.raw)
    if (verdict.kind === 'pass') return [...open.events.map((held) => held.raw), event.raw]
    const numbers = [...open.numbers, numberOf(data)]
    const frames =
      verdict.kind === 'remove'
        ? noticeFrames(item, verdict.notice)
        : changedFrames(withArguments(item, verdict.args), verdict.args)
    return frames.map((frame, at) =>
      block({
        ...frame,
        output_index: index,
        sequence_number: (at === frames.length - 1
          ? numbers.at(-1)
          : numbers[Math.min(at, numbers.length - 2)]) as number,
      }),
    )
  }

  #rest(prefix: string): string[] {
    const out: string[] = []
    for (const [id, rest] of this.#judge.ended(prefix)) {
      const last = this.#last.get(id)
      this.#last.delete(id)
      if (rest !== '' && last) out.push(block({ ...last, delta: rest }))
    }
    return out
  }

  #isInCall(): boolean {
    return [...this.#open.values()].some((open) => open !== 'text')
  }

  async end(): Promise<string[]> {
    if (this.#isInCall()) throw unreadable('the answer ended inside a call')
    return this.#rest('')
  }
}

/** Members of an event that say only that something happens. */
const BARE = new Set(['type', 'item_id', 'output_index', 'sequence_number'])

/** Some clients read the pieces, some the whole item: they must say the same. */
function fits(open: Whole, item: TreeObject): boolean {
  const same = ['type', 'id', 'call_id', 'name'].every((key) => open.node[key] === item[key])
  const member = ARGUMENTS[textOf(item.type)]
  return (
    same &&
    (member === undefined || open.json === item[member] || (open.json === '' && open.events.length === 1))
  )
}

function noticeFrames(node: TreeObject, notice: string): TreeObject[] {
  const item = noticeItem(node, notice)
  const at = { item_id: item.id as Tree, content_index: 0 }
  return [
    { type: 'response.output_item.added', item: noticeItem(node, '', 'in_progress') },
    { type: 'response.content_part.added', ...at, part: noticePart('') },
    { type: 'response.output_text.delta', ...at, delta: notice, logprobs: [] },
    { type: 'response.output_text.done', ...at, text: notice, logprobs: [] },
    { type: 'response.content_part.done', ...at, part: noticePart(notice) },
    { type: 'response.output_item.done', item },
  ]
}

function changedFrames(item: TreeObject, args: string): TreeObject[] {
  const kind = textOf(item.type)
  const member = ARGUMENTS[kind] as string
  const name =
    kind === 'function_call' ? 'response.function_call_arguments' : 'response.custom_tool_call_input'
  const at = { item_id: item.id ?? null }
  return [
    { type: 'response.output_item.added', item: { ...item, status: 'in_progress', [member]: '' } },
    { type: `${name}.delta`, ...at, delta: args },
    {
      type: `${name}.done`,
      ...at,
      ...(kind === 'function_call' ? { name: item.name ?? null } : {}),
      [member]: args,
    },
    { type: 'response.output_item.done', item },
  ]
}

const numberOf = (data: TreeObject): number =>
  typeof data.sequence_number === 'number' ? data.sequence_number : 0

function block(data: TreeObject): string {
  return `event: ${textOf(data.type)}\ndata: ${JSON.stringify(data)}`
}
