import type { Json, JsonObject } from '../../../model/json.ts'
import type { Judge, Tree } from './judge.ts'
import type { StreamReader } from './stream.ts'

/**
 * Who speaks in a part of a request. `person` and `system` are trusted as far as the agent that put them together is;
 * `model` is what a model said before, so it may repeat anything; everything else is `untrusted`.
 */
export type Standing = 'person' | 'system' | 'model' | 'untrusted'

export interface RequestPart {
  readonly standing: Standing
  /** `link` = the provider would fetch it, `media` = bytes, `data` = structured, `unknown` = a type this codec does not know. */
  readonly kind: 'text' | 'link' | 'media' | 'data' | 'unknown'
  readonly path: Path
  readonly text: string
  /** The call that a tool's result answers, or the type of the part. */
  readonly source?: string
}

export type Path = readonly (string | number)[]

/** A tool that the agent itself would run, by a name of its own. */
export interface DeclaredTool {
  readonly name: string
  readonly description: string | undefined
  readonly schema: Json | undefined
  readonly path: Path
}

/** A tool that would work past the gateway: at the provider, beside it in the agent, or in a way this codec does not know. */
export interface BypassingTool {
  readonly type: string
  readonly runs: 'provider' | 'agent' | 'unknown'
  readonly path: Path
  /** False when nothing can be taken out, e.g. when the model searches by itself. */
  readonly removable: boolean
}

export interface ModelRequest {
  readonly model: string | undefined
  readonly stream: boolean
  readonly parts: readonly RequestPart[]
  readonly tools: readonly DeclaredTool[]
  readonly bypassing: readonly BypassingTool[]
  /** Members that bring in content kept at the provider, which the gateway does not see. */
  readonly hidden: readonly Path[]
  /** What this codec does not know and that could do more than say something; to be refused. */
  readonly unknown: readonly Path[]
}

/** A call in an answer. `kind` other than `function` and `custom` is a tool of the provider's, or of unknown making. */
export interface ToolCall {
  readonly kind: 'function' | 'custom' | 'provider' | 'unknown'
  readonly id: string
  readonly name: string
  /** Undefined when the arguments are not JSON that every reader understands alike; such a call should not pass. */
  readonly args: Json | undefined
  /** The arguments as the agent would get them. */
  readonly raw: string
}

/**
 * `remove` puts `notice` as text where the call was; `replace` leaves the call with other arguments, as JSON text.
 */
export type CallVerdict =
  | { readonly kind: 'pass' }
  | { readonly kind: 'remove'; readonly notice: string }
  | { readonly kind: 'replace'; readonly args: string }

/**
 * One model API. Pure: no network, no clock. MUST hand every call to `judge.verdict` and every other string of an answer to the
 * text gates, those in unknown places too; MUST NOT let out any part of a call before its verdict.
 */
export interface Codec {
  readonly api: 'openai-chat' | 'openai-responses' | 'anthropic-messages' | 'gemini'
  readRequest(body: JsonObject): ModelRequest
  /** Decides and edits a whole answer in place; true when anything changed. @throws AnswerStopped */
  settle(body: Record<string, Tree>, judge: Judge): Promise<boolean>
  reader(judge: Judge): StreamReader
  /** An event that makes the official SDK raise an error. */
  errorEvent(code: string, message: string): string
}
