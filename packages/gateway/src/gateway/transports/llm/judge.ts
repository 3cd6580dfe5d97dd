import { createHash } from 'node:crypto'
import { parseStrictText } from '../../../lib/strict-json.ts'
import type { Json } from '../../../model/json.ts'
import type { Reason } from '../../../model/reasons.ts'
import type { CallVerdict, ToolCall } from './codec.ts'

/** JSON that is edited in place; it was parsed here and nobody else holds it. */
export type Tree = null | boolean | number | string | Tree[] | { [key: string]: Tree }
export type TreeObject = Record<string, Tree>

/**
 * Reads one text in pieces and gives back what may leave, holding what may still become a match.
 * MUST give the same text in sum, however the pieces are cut. MAY throw AnswerStopped, or a Refusal that says why. MUST bound what it holds.
 */
export interface TextGate {
  push(text: string): string
  end(): string
}

export interface Hooks {
  /** A gate for one more text. */
  gate(): TextGate
  decide(call: ToolCall): CallVerdict | Promise<CallVerdict>
}

/** The answer must not go on: it is unreadable, larger than what is held, or a gate says so. */
export class AnswerStopped extends Error {
  override name = 'AnswerStopped'
  readonly code: 'unreadable' | 'too-large' | 'content'
  /** What the gateway holds against it; undefined where the provider broke its own protocol. */
  readonly reason: Reason | undefined
  constructor(code: 'unreadable' | 'too-large' | 'content', message: string, reason?: Reason) {
    super(message)
    this.code = code
    this.reason = reason
  }
}

export const unreadable = (what: string) => new AnswerStopped('unreadable', what)

const MAX_CALLS = 256
const MAX_CHANNELS = 1024

/** Decisions and open texts of one answer. Holds a digest and a verdict per call, and a gate per open text. */
export class Judge {
  readonly #hooks: Hooks
  readonly #verdicts = new Map<string, Promise<CallVerdict>>()
  readonly #channels = new Map<string, Channel>()

  constructor(hooks: Hooks) {
    this.#hooks = hooks
  }

  /** Decided once: providers repeat a call, and the repetition must not get another verdict. */
  verdict(call: ToolCall): Promise<CallVerdict> {
    const key = createHash('sha256')
      .update(JSON.stringify([call.kind, call.id, call.name, call.raw]))
      .digest('base64')
    let verdict = this.#verdicts.get(key)
    if (!verdict) {
      if (this.#verdicts.size >= MAX_CALLS) throw new AnswerStopped('too-large', 'too many calls')
      verdict = (async () => this.#hooks.decide(call))()
      this.#verdicts.set(key, verdict)
    }
    return verdict
  }

  channel(key: string): Channel {
    let channel = this.#channels.get(key)
    if (!channel) {
      if (this.#channels.size >= MAX_CHANNELS) throw new AnswerStopped('too-large', 'too many texts at once')
      channel = new Channel(this.#hooks.gate())
      this.#channels.set(key, channel)
    }
    return channel
  }

  /** Ends the open texts whose key starts with `prefix`, in the order in which they began. */
  *ended(prefix: string): Generator<readonly [key: string, rest: string]> {
    for (const [key, channel] of this.#channels) {
      if (!key.startsWith(prefix)) continue
      this.#channels.delete(key)
      yield [key, channel.end()]
    }
  }

  whole(text: string): string {
    const gate = new Channel(this.#hooks.gate())
    return gate.push(text) + gate.end()
  }

  /** Stops the answer for what must not leave in any member of a call; the arguments of the call are decided upon as a whole. */
  assertClean(json: string): void {
    this.whole(json)
  }

  /** Puts every string below `node` through a gate, except in `skip`; true when anything changed. */
  inspect(node: Tree, skip: ReadonlySet<unknown> = new Set()): boolean {
    if (typeof node !== 'object' || node === null || skip.has(node)) return false
    let changed = false
    for (const key of Object.keys(node)) {
      const parent = node as TreeObject
      const child = parent[key] as Tree
      if (!Array.isArray(node) && this.whole(key) !== key) throw new AnswerStopped('content', 'in a name')
      if (typeof child !== 'string') changed = this.inspect(child, skip) || changed
      else {
        const text = this.whole(child)
        if (text === child) continue
        parent[key] = text
        changed = true
      }
    }
    if (changed && !Array.isArray(node)) withoutTokens(node)
    return changed
  }
}

/** One text that comes in pieces. A gate never sees half of a surrogate pair. */
class Channel {
  readonly #gate: TextGate
  #half = ''

  constructor(gate: TextGate) {
    this.#gate = gate
  }

  push(text: string): string {
    const whole = this.#half + text
    const last = whole.charCodeAt(whole.length - 1)
    const cut = last >= 0xd800 && last < 0xdc00 ? whole.length - 1 : whole.length
    this.#half = whole.slice(cut)
    return this.#gate.push(whole.slice(0, cut))
  }

  end(): string {
    const rest = this.#half === '' ? '' : this.#gate.push(this.#half)
    return rest + this.#gate.end()
  }
}

/** Token probabilities spell the text out once more, so they go when the text has changed. */
export function withoutTokens(node: TreeObject): void {
  if (node.logprobs) node.logprobs = Array.isArray(node.logprobs) ? [] : null
  delete node.logprobsResult
}

/** Arguments that come as JSON text; empty text stands for none. */
export function readArguments(raw: string): Json | undefined {
  try {
    return raw.trim() === '' ? {} : parseStrictText(raw)
  } catch {
    return undefined
  }
}

export function isTree(value: Tree | undefined): value is TreeObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export const textOf = (value: Tree | undefined): string => (typeof value === 'string' ? value : '')

export const listOf = (value: Tree | undefined): Tree[] => (Array.isArray(value) ? value : [])
