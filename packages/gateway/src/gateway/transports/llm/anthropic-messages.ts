import type { SseEvent } from '../../../lib/sse.ts'
import type { Json, JsonObject } from '../../../model/json.ts'
import { isObject } from '../../../model/json.ts'
import type { Codec, ModelRequest, Path, ToolCall } from './codec.ts'
import type { Judge, Tree, TreeObject } from './judge.ts'
import { isTree, listOf, readArguments, textOf, unreadable } from './judge.ts'
import { objects, Reading, stringOf } from './request.ts'
import type { StreamReader } from './stream.ts'
import { emitted, Held } from './stream.ts'

/** Anthropic messages: `POST /v1/messages`. */
export const anthropicMessages: Codec = {
  api: 'anthropic-messages',
  readRequest,
  settle,
  reader: (judge) => new MessageReader(judge),
  errorEvent: (code, message) =>
    block({ type: 'error', error: { type: 'permission_error', message: `Ostiary: ${message} (${code})` } }),
}

// biome-ignore format: a list
const KNOWN = new Set([
  'model', 'messages', 'system', 'tools', 'tool_choice', 'stream', 'max_tokens', 'temperature', 'top_p', 'top_k', 'stop_sequences',
  'metadata', 'thinking', 'service_tier', 'context_management', 'output_config', 'output_format', 'cache_control', 'inference_geo',
  'mcp_servers', 'speed',
])

/** Tools of the provider's making that the agent runs; those that start otherwise run at the provider. */
const RUN_BY_AGENT = /^(bash|text_editor|memory|computer|browser)_/

function readRequest(body: JsonObject): ModelRequest {
  const reading = new Reading()
  reading.members(body, KNOWN, new Set(['container']))
  readContent(reading, 'system', ['system'], body.system)
  for (const [path, message] of objects(reading, ['messages'], body.messages)) {
    const at = [...path, 'content']
    if (message.role === 'assistant') reading.data('model', at, message.content)
    else if (message.role === 'user') readContent(reading, 'person', at, message.content)
    else if (message.role === 'system') readContent(reading, 'system', at, message.content)
    else reading.unreadable(path, message)
  }
  for (const [path, tool] of objects(reading, ['tools'], body.tools)) {
    const type = tool.type ?? 'custom'
    if (type === 'custom') reading.tool(path, tool, tool.input_schema)
    else reading.bypass(path, String(type), RUN_BY_AGENT.test(String(type)) ? 'agent' : 'provider')
  }
  for (const [path, server] of objects(reading, ['mcp_servers'], body.mcp_servers)) {
    reading.bypass(path, `mcp_server ${stringOf(server.name) ?? ''}`, 'provider')
  }
  return reading.done(stringOf(body.model), body.stream === true)
}

function readContent(
  reading: Reading,
  standing: 'person' | 'system',
  path: Path,
  content: Json | undefined,
): void {
  if (typeof content === 'string') return reading.text(standing, path, content)
  for (const [at, part] of objects(reading, path, content)) {
    const type = stringOf(part.type)
    if (type === 'text') reading.text(standing, [...at, 'text'], part.text)
    else if (type === 'tool_result') readResult(reading, at, part)
    else if (type === 'image' || type === 'document') reading.attached([...at, 'source'], part.source, type)
    else if (type === 'search_result') reading.data('untrusted', at, part, type)
    // What the provider's own tools found, sent back.
    else if (type?.endsWith('_tool_result')) reading.data('untrusted', at, part, type)
    else reading.unreadable(at, part, type)
    // A title or context given along with a document is no person's word.
    if (type === 'document') {
      const { source: _, type: __, cache_control: ___, ...about } = part
      if (Object.keys(about).length > 0) reading.data('untrusted', at, about, type)
    }
  }
}

function readResult(reading: Reading, path: Path, part: JsonObject): void {
  const source = stringOf(part.tool_use_id)
  const at = [...path, 'content']
  if (typeof part.content === 'string') return reading.data('untrusted', at, part.content, source)
  for (const [inner, piece] of objects(reading, at, part.content)) {
    if (piece.type === 'text') reading.data('untrusted', [...inner, 'text'], piece.text, source)
    else if (isObject(piece.source)) reading.attached([...inner, 'source'], piece.source, String(piece.type))
    else reading.data('untrusted', inner, piece, source)
  }
}

const TEXTS = new Set(['text', 'thinking', 'redacted_thinking', 'compaction'])

function callOf(node: TreeObject, raw = JSON.stringify(node.input ?? {})): ToolCall {
  if (node.type === 'tool_use') {
    return { kind: 'function', id: textOf(node.id), name: textOf(node.name), args: readArguments(raw), raw }
  }
  const isProvider = /_(tool_use|tool_result)$/.test(textOf(node.type))
  return {
    kind: isProvider ? 'provider' : 'unknown',
    id: textOf(node.id) || textOf(node.tool_use_id),
    name: textOf(node.name) || textOf(node.type),
    args: node as Json,
    raw: `${JSON.stringify(node)}${raw}`,
  }
}

async function settle(message: TreeObject, judge: Judge): Promise<boolean> {
  let changed = false
  const decided = new Set<unknown>()
  const content = listOf(message.content)
  let calls = 0
  for (const [at, node] of content.entries()) {
    if (!isTree(node)) throw unreadable('content that is no object')
    if (TEXTS.has(textOf(node.type))) continue
    const call = callOf(node)
    const verdict = await judge.verdict(call)
    changed ||= verdict.kind !== 'pass'
    if (verdict.kind === 'remove') content[at] = { type: 'text', text: verdict.notice }
    else {
      judge.assertClean(JSON.stringify(node))
      if (node.type === 'tool_use') calls++
      if (verdict.kind === 'replace') node.input = replacement(call, verdict.args)
    }
    decided.add(content[at])
  }
  if (changed && calls === 0 && message.stop_reason === 'tool_use') message.stop_reason = 'end_turn'
  return judge.inspect(message, decided) || changed
}

function replacement(call: ToolCall, args: string): Tree {
  if (call.kind !== 'function') throw unreadable('a call that is not the agent’s cannot be changed')
  return JSON.parse(args) as Tree
}

/** A content block that is held until it is whole. */
interface Whole {
  readonly node: TreeObject
  readonly events: SseEvent[]
  json: string
}

const PASSING = new Set(['ping', 'message_stop', 'error'])
/** Deltas that are a text in pieces, and the member that holds it. */
const PIECES: Record<string, string> = {
  text_delta: 'text',
  thinking_delta: 'thinking',
  compaction_delta: 'content',
}

class MessageReader implements StreamReader {
  readonly #judge: Judge
  readonly #held: Held
  readonly #open = new Map<number, Whole | 'text'>()
  readonly #last = new Map<string, TreeObject>()
  #started = false
  #next = 0
  #kept = 0
  #removed = 0

  constructor(judge: Judge) {
    this.#judge = judge
    this.#held = new Held(judge)
  }

  async event(event: SseEvent, data: TreeObject): Promise<string[]> {
    if (data.type === 'message_start') {
      const content = isTree(data.message) ? listOf(data.message.content) : []
      // Blocks given here would shift the numbers of those that follow.
      if (this.#started || content.length > 0) throw unreadable('a message that begins in an unknown way')
      this.#started = true
      return [emitted(event, data, this.#judge.inspect(data))]
    }
    if (data.type === 'content_block_start') return this.#start(event, data)
    if (data.type === 'content_block_delta') return this.#delta(event, data)
    if (data.type === 'content_block_stop') return this.#stop(event, data)
    let changed = false
    if (data.type === 'message_delta') {
      if (
        isTree(data.delta) &&
        data.delta.stop_reason === 'tool_use' &&
        this.#removed > 0 &&
        this.#kept === 0
      ) {
        data.delta.stop_reason = 'end_turn'
        changed = true
      }
    } else if (!PASSING.has(textOf(data.type))) throw unreadable('an event of an unknown type')
    return [emitted(event, data, this.#judge.inspect(data) || changed)]
  }

  #start(event: SseEvent, data: TreeObject): string[] {
    const node = data.content_block
    // Clients append blocks, so a number out of turn would mean another block to them.
    if (data.index !== this.#next || !isTree(node)) throw unreadable('a content block out of turn')
    const index = this.#next++
    if (!TEXTS.has(textOf(node.type))) {
      this.#held.add(event)
      this.#open.set(index, { node, events: [event], json: '' })
      return []
    }
    this.#open.set(index, 'text')
    const member = textOf(node.type)
    let changed = false
    if (textOf(node[member]) !== '' && member in { text: 1, thinking: 1 }) {
      const given = textOf(node[member])
      const delta = { type: `${member}_delta`, [member]: given }
      changed = this.#push(index, delta, { type: 'content_block_delta', index, delta })
      node[member] = delta[member] as Tree
    }
    return [emitted(event, data, this.#judge.inspect(data) || changed)]
  }

  #delta(event: SseEvent, data: TreeObject): string[] {
    const open = this.#open.get(data.index as number)
    const { delta } = data
    if (open === undefined || !isTree(delta)) throw unreadable('a delta outside a content block')
    if (open === 'text') {
      if (delta.type === 'input_json_delta') throw unreadable('arguments outside a call')
      const changed = this.#push(data.index as number, delta, data)
      return [emitted(event, data, this.#judge.inspect(data, new Set([delta])) || changed)]
    }
    if (delta.type !== 'input_json_delta' || typeof delta.partial_json !== 'string') {
      throw unreadable('a delta of an unknown type in a call')
    }
    this.#held.add(event)
    open.events.push(event)
    open.json += delta.partial_json
    return []
  }

  #push(index: number, delta: TreeObject, data: TreeObject): boolean {
    const member = PIECES[textOf(delta.type)]
    if (member === undefined) {
      // A signature or a citation is whole in itself; an unknown delta may be a piece of anything.
      if (delta.type === 'signature_delta' || delta.type === 'citations_delta')
        return this.#judge.inspect(delta)
      throw unreadable('a delta of an unknown type')
    }
    if (typeof delta[member] !== 'string') return this.#judge.inspect(delta)
    const id = `${index}.${textOf(delta.type)}`
    const text = this.#judge.channel(id).push(delta[member])
    const changed = text !== delta[member]
    delta[member] = text
    this.#last.set(id, { ...data, delta: { ...delta, [member]: '' } })
    return changed
  }

  async #stop(event: SseEvent, data: TreeObject): Promise<string[]> {
    const index = data.index as number
    const open = this.#open.get(index)
    if (open === undefined) throw unreadable('the end of a content block that did not begin')
    this.#open.delete(index)
    if (open === 'text') return [...this.#rest(`${index}.`), emitted(event, data, this.#judge.inspect(data))]
    this.#held.release(open.events)
    const given = isTree(open.node.input) && Object.keys(open.node.input).length > 0
    if (given && open.json !== '') throw unreadable('a call with arguments twice')
    const call = callOf(open.node, given || open.json.trim() === '' ? undefined : open.json)
    const verdict = await this.#judge.verdict(call)
    if (verdict.kind === 'remove') {
      this.#removed++
      const content_block = { type: 'text', text: '' }
      const delta = { type: 'text_delta', text: verdict.notice }
      return [
        block({ type: 'content_block_start', index, content_block }),
        block({ type: 'content_block_delta', index, delta }),
        event.raw,
      ]
    }
    if (open.node.type === 'tool_use') this.#kept++
    if (verdict.kind === 'pass') return [...open.events.map((held) => held.raw), event.raw]
    replacement(call, verdict.args)
    return [
      block({ type: 'content_block_start', index, content_block: { ...open.node, input: {} } }),
      block({
        type: 'content_block_delta',
        index,
        delta: { type: 'input_json_delta', partial_json: verdict.args },
      }),
      event.raw,
    ]
  }

  /** What the gates still held, in the likeness of the last delta. */
  #rest(prefix: string): string[] {
    const out: string[] = []
    for (const [id, rest] of this.#judge.ended(prefix)) {
      const last = this.#last.get(id)
      this.#last.delete(id)
      const type = id.slice(id.indexOf('.') + 1)
      if (rest === '' || !last) continue
      out.push(block({ ...last, delta: { ...(last.delta as TreeObject), [PIECES[type] as string]: rest } }))
    }
    return out
  }

  async end(): Promise<string[]> {
    const out = this.#rest('')
    if ([...this.#open.values()].some((open) => open !== 'text'))
      throw unreadable('the answer ended inside a call')
    return out
  }
}

function block(data: TreeObject): string {
  return `event: ${textOf(data.type)}\ndata: ${JSON.stringify(data)}`
}
