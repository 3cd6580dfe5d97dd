import type { SseEvent } from '../../../lib/sse.ts'
import type { Json, JsonObject } from '../../../model/json.ts'
import { isObject } from '../../../model/json.ts'
import type { Codec, ModelRequest, Path, ToolCall } from './codec.ts'
import type { Judge, Tree, TreeObject } from './judge.ts'
import { isTree, listOf, textOf, unreadable, withoutTokens } from './judge.ts'
import { objects, Reading, stringOf } from './request.ts'
import type { StreamReader } from './stream.ts'
import { emitted } from './stream.ts'

/** Gemini: `POST …:generateContent` and `…:streamGenerateContent?alt=sse`. Model and streaming are in the path. */
export const gemini: Codec = {
  api: 'gemini',
  readRequest,
  settle,
  reader: (judge) => new ContentReader(judge),
  errorEvent: (code, message) =>
    `data: ${JSON.stringify({ error: { code: 403, message: `Ostiary: ${message} (${code})`, status: 'PERMISSION_DENIED' } })}`,
}

const KNOWN = new Set([
  'model',
  'contents',
  'systemInstruction',
  'tools',
  'toolConfig',
  'generationConfig',
  'safetySettings',
  'labels',
])

/** The API takes `snake_case` for `camelCase`; where both are given, which one counts is not known. */
function camel(reading: Reading, path: Path, node: JsonObject): [JsonObject, (key: string) => string] {
  const names = new Map<string, string>()
  const out: Record<string, Json> = {}
  for (const [key, value] of Object.entries(node)) {
    const name = key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
    if (names.has(name)) reading.unreadable([...path, key], value)
    names.set(name, key)
    out[name] = value
  }
  return [out, (name) => names.get(name) ?? name]
}

function readRequest(body: JsonObject): ModelRequest {
  const reading = new Reading()
  const [request, key] = camel(reading, [], body)
  reading.members(request, KNOWN, new Set(['cachedContent']))
  if (isObject(request.systemInstruction)) {
    readContent(reading, [key('systemInstruction')], { ...request.systemInstruction, role: 'system' })
  } else reading.unreadable([key('systemInstruction')], request.systemInstruction)
  for (const [path, content] of objects(reading, ['contents'], request.contents))
    readContent(reading, path, content)
  for (const [path, tool] of objects(reading, ['tools'], request.tools)) readTool(reading, path, tool)
  if (isObject(request.toolConfig)) readToolConfig(reading, [key('toolConfig')], request.toolConfig)
  return reading.done(stringOf(request.model), false)
}

function readTool(reading: Reading, path: Path, tool: JsonObject): void {
  for (const [name, value] of Object.entries(tool)) {
    const at = [...path, name]
    if (name !== 'functionDeclarations' && name !== 'function_declarations') {
      reading.bypass(at, name, 'provider')
      continue
    }
    for (const [inner, definition] of objects(reading, at, value)) {
      const [declared] = camel(reading, inner, definition)
      reading.tool(inner, declared, declared.parametersJsonSchema ?? declared.parameters)
    }
  }
}

/** Arguments in pieces (`partialArgs`) cannot be decided whole here. */
function readToolConfig(reading: Reading, path: Path, config: JsonObject): void {
  const [inner, key] = camel(reading, path, config)
  if (!isObject(inner.functionCallingConfig)) return
  const at = [...path, key('functionCallingConfig')]
  const [calling, name] = camel(reading, at, inner.functionCallingConfig)
  if (calling.streamFunctionCallArguments === true)
    reading.unknown.push([...at, name('streamFunctionCallArguments')])
}

function readContent(reading: Reading, path: Path, content: JsonObject): void {
  const { role = 'user', parts } = content
  for (const [at, given] of objects(reading, [...path, 'parts'], parts)) {
    const [part, key] = camel(reading, at, given)
    if (role === 'model') reading.data('model', at, given)
    else if (part.functionResponse !== undefined) {
      const answer = isObject(part.functionResponse) ? part.functionResponse : {}
      reading.data(
        'untrusted',
        [...at, key('functionResponse')],
        part.functionResponse,
        stringOf(answer.id ?? answer.name),
      )
    } else if (part.inlineData !== undefined || part.fileData !== undefined) {
      const name = part.inlineData === undefined ? 'fileData' : 'inlineData'
      reading.attached([...at, key(name)], part[name], name)
    } else if (
      Object.keys(part).every((name) => TEXTUAL.has(name)) &&
      (role === 'user' || role === 'system')
    ) {
      reading.text(role === 'user' ? 'person' : 'system', [...at, 'text'], part.text)
    } else reading.unreadable(at, given)
  }
}

const TEXTUAL = new Set(['text', 'thought', 'thoughtSignature'])
/** What a part of an answer may be without being a call. */
const SAYING = new Set([...TEXTUAL, 'inlineData', 'audioTranscription'])

function callOf(part: TreeObject): ToolCall {
  const { functionCall } = part
  if (!isTree(functionCall)) {
    const name = Object.keys(part).find((key) => !SAYING.has(key)) ?? 'unknown'
    const kind = /^(executableCode|codeExecutionResult|toolCall|toolResponse)$/.test(name)
      ? 'provider'
      : 'unknown'
    return { kind, id: '', name, args: part as Json, raw: JSON.stringify(part) }
  }
  if (functionCall.partialArgs !== undefined || functionCall.willContinue === true) {
    throw unreadable('a call in pieces')
  }
  const args = functionCall.args ?? {}
  return {
    kind: 'function',
    id: textOf(functionCall.id),
    name: textOf(functionCall.name),
    args: args as Json,
    raw: JSON.stringify(args),
  }
}

/** Decides the calls of an answer or of one event: a call is always whole in one part. */
async function decide(body: TreeObject, judge: Judge, decided: Set<unknown>): Promise<boolean> {
  let changed = false
  for (const candidate of listOf(body.candidates)) {
    if (!isTree(candidate) || !isTree(candidate.content)) continue
    const parts = listOf(candidate.content.parts)
    for (const [at, part] of parts.entries()) {
      if (!isTree(part)) throw unreadable('a part that is no object')
      if (Object.keys(part).every((key) => SAYING.has(key))) continue
      const call = callOf(part)
      const verdict = await judge.verdict(call)
      if (verdict.kind !== 'remove') judge.assertClean(JSON.stringify(part))
      if (verdict.kind === 'remove') parts[at] = { text: verdict.notice }
      if (verdict.kind === 'replace') {
        if (call.kind !== 'function') throw unreadable('a call that is not the agent’s cannot be changed')
        ;(part.functionCall as TreeObject).args = JSON.parse(verdict.args) as Tree
      }
      changed ||= verdict.kind !== 'pass'
      decided.add(parts[at])
    }
  }
  return changed
}

async function settle(body: TreeObject, judge: Judge): Promise<boolean> {
  const decided = new Set<unknown>()
  const changed = await decide(body, judge, decided)
  return judge.inspect(body, decided) || changed
}

class ContentReader implements StreamReader {
  readonly #judge: Judge
  /** A chunk in whose likeness the rest of a text leaves. */
  readonly #last = new Map<string, TreeObject>()

  constructor(judge: Judge) {
    this.#judge = judge
  }

  async event(event: SseEvent, data: TreeObject): Promise<string[]> {
    const skip = new Set<unknown>()
    let changed = await decide(data, this.#judge, skip)
    for (const candidate of listOf(data.candidates)) {
      if (!isTree(candidate)) throw unreadable('a candidate that is no object')
      changed = this.#texts(data, candidate, skip) || changed
    }
    return [emitted(event, data, this.#judge.inspect(data, skip) || changed)]
  }

  #texts(data: TreeObject, candidate: TreeObject, skip: Set<unknown>): boolean {
    const index = candidate.index ?? 0
    const content = isTree(candidate.content) ? candidate.content : {}
    const parts = listOf(content.parts)
    let changed = false
    for (const part of parts) {
      if (!isTree(part) || skip.has(part) || typeof part.text !== 'string') continue
      const id = `${index}.${part.thought === true ? 'thought' : 'text'}`
      const text = this.#judge.channel(id).push(part.text)
      changed ||= text !== part.text
      part.text = text
      skip.add(part)
      this.#last.set(id, { ...envelope(data), candidates: [{ index }] })
    }
    if (candidate.finishReason) {
      const rest = this.#rest(`${index}.`)
      if (rest.length > 0) {
        // After the calls of this chunk, if there are any: a client joins the texts of an answer.
        for (const [, part] of rest) skip.add(part)
        candidate.content = { role: 'model', ...content, parts: [...parts, ...rest.map(([, part]) => part)] }
        changed = true
      }
    }
    if (changed) withoutTokens(candidate)
    return changed
  }

  #rest(prefix: string): [string, TreeObject][] {
    const out: [string, TreeObject][] = []
    for (const [id, text] of this.#judge.ended(prefix)) {
      if (text !== '') out.push([id, id.endsWith('.thought') ? { text, thought: true } : { text }])
    }
    return out
  }

  async end(): Promise<string[]> {
    return this.#rest('').map(([id, part]) => {
      const last = this.#last.get(id) as TreeObject
      const [candidate] = listOf(last.candidates)
      const content = { role: 'model', parts: [part] }
      return `data: ${JSON.stringify({ ...last, candidates: [{ ...(candidate as TreeObject), content }] })}`
    })
  }
}

function envelope(data: TreeObject): TreeObject {
  const { candidates: _, usageMetadata: __, ...rest } = data
  return rest
}
