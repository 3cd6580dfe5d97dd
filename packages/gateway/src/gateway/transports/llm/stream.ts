import type { SseEvent } from '../../../lib/sse.ts'
import { isPlainEvent, rewritten, SseTooLarge, sseParser } from '../../../lib/sse.ts'
import { parseStrictText } from '../../../lib/strict-json.ts'
import { Refusal } from '../../../model/refusal.ts'
import type { Codec } from './codec.ts'
import type { Hooks, Tree, TreeObject } from './judge.ts'
import { AnswerStopped, isTree, Judge, unreadable } from './judge.ts'

/** Reads the events of one answer. Each gives the events that may leave now, without the blank line that ends them. */
export interface StreamReader {
  event(event: SseEvent, data: TreeObject): Promise<string[]>
  /** The end, or the provider's mark of it: open texts leave, calls that never became whole do not. */
  end(): Promise<string[]>
}

/** Characters of one event, and of all that is held for calls in one stream; with the gates' own, all that a stream holds. */
export const MAX_EVENT = 1 << 20
export const MAX_HELD = 1 << 20

export interface StreamFilter {
  /** What may leave after `chunk`. One at a time: await it before the next. */
  push(chunk: Uint8Array): Promise<string>
  end(): Promise<string>
  /** Why nothing leaves any more. */
  readonly stopped: AnswerStopped | undefined
}

/**
 * Filters an answer that comes as server-sent events. What leaves depends on the events only, not on how their bytes were cut.
 * Events in which nothing was changed leave as they came, with line ends as LF.
 */
export function streamFilter(codec: Codec, hooks: Hooks): StreamFilter {
  const reader = codec.reader(new Judge(hooks))
  let arrived: SseEvent[] = []
  const feed = sseParser(MAX_EVENT, (event) => arrived.push(event))
  let stopped: AnswerStopped | undefined
  let finished = false

  const step = async (event: SseEvent): Promise<string[]> => {
    if (event.data === undefined) return [rewritten(event, undefined, event.id)]
    if (event.data !== '[DONE]') {
      const data = parsed(event.data)
      return reader.event(onlyRead(event, nameIn(data)), data)
    }
    finished = true
    return [...(await reader.end()), onlyRead(event).raw]
  }
  const guarded = async (run: (out: string[]) => Promise<void>): Promise<string> => {
    if (stopped) return ''
    const out: string[] = []
    try {
      await run(out)
    } catch (error) {
      const known = asStop(error)
      stopped = known ?? new AnswerStopped('content', 'it could not be inspected')
      if (!known) throw error
      out.push(codec.errorEvent(stopped.reason?.code ?? stopped.code, stopped.message))
    }
    return out.map((block) => `${block}\n\n`).join('')
  }
  return {
    push: (chunk) =>
      guarded(async (out) => {
        let late: unknown
        try {
          feed(chunk)
        } catch (error) {
          // Events before the one that is too large have been read; how the bytes were cut must make no difference.
          late = error
        }
        const events = arrived
        arrived = []
        for (const event of events) out.push(...(await step(event)))
        if (late !== undefined) throw late
      }),
    end: () =>
      guarded(async (out) => {
        if (!finished) out.push(...(await reader.end()))
      }),
    get stopped() {
      return stopped
    },
  }
}

/** Filters an answer that comes as one JSON text; unchanged, it is the same text. @throws AnswerStopped */
export async function filterAnswer(codec: Codec, text: string, hooks: Hooks): Promise<string> {
  const body = parsed(text)
  try {
    return (await codec.settle(body, new Judge(hooks))) ? JSON.stringify(body) : text
  } catch (error) {
    throw asStop(error) ?? error
  }
}

function parsed(text: string): TreeObject {
  let value: Tree
  try {
    value = parseStrictText(text) as Tree
  } catch (error) {
    if (error instanceof Refusal) throw unreadable('JSON that readers may understand differently')
    throw error
  }
  if (!isTree(value)) throw unreadable('no JSON object')
  return value
}

function asStop(error: unknown): AnswerStopped | undefined {
  if (error instanceof AnswerStopped) return error
  if (error instanceof Refusal) return new AnswerStopped('content', error.message, error.reason)
  if (error instanceof SseTooLarge) return new AnswerStopped('too-large', 'an event is too large')
  return undefined
}

/** Without what nothing here reads: comments, other fields, a name that its data does not say too. */
function onlyRead(event: SseEvent, name?: string): SseEvent {
  return isPlainEvent(event, name) ? event : { ...event, raw: rewritten(event, event.data, event.id, name) }
}

/** Where a provider names events, their data says the same name as `type`. */
const nameIn = ({ type }: TreeObject): string | undefined => (typeof type === 'string' ? type : undefined)

/** `event` with `data` if that was changed, else as it came. */
export function emitted(event: SseEvent, data: TreeObject, changed: boolean): string {
  return changed ? rewritten(event, JSON.stringify(data), event.id, nameIn(data)) : event.raw
}

/** Events held back until their call is decided; bounded over the whole stream. */
export class Held {
  readonly #judge: Judge
  #size = 0

  constructor(judge: Judge) {
    this.#judge = judge
  }

  add(event: SseEvent): void {
    this.#size += event.raw.length
    if (this.#size > MAX_HELD) throw new AnswerStopped('too-large', 'a call is too large')
    this.#judge.assertClean(event.raw)
  }

  release(events: readonly SseEvent[]): void {
    for (const event of events) this.#size -= event.raw.length
  }
}
