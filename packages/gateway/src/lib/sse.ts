import { StringDecoder } from 'node:string_decoder'

/** One server-sent event (WHATWG HTML section 9.2): its raw lines as received and the parsed fields Ostiary needs. */
export interface SseEvent {
  /** The block as received, without the blank line that ends it. */
  readonly raw: string
  readonly event: string | undefined
  readonly data: string | undefined
  /** Where a stream that breaks off can be taken up again. */
  readonly id: string | undefined
  /** How long to wait before that, milliseconds. */
  readonly retry: number | undefined
}

export class SseTooLarge extends Error {
  override name = 'SseTooLarge'
}

/**
 * Cuts a byte stream into events as soon as each is whole; holds at most `limit` characters.
 * Comment-only blocks (keep-alives) come out with `data` undefined.
 */
export function sseParser(limit: number, onEvent: (event: SseEvent) => void): (chunk: Uint8Array) => void {
  const decoder = new StringDecoder('utf8')
  let lines: string[] = []
  let held = 0
  let rest = ''
  let first = true
  let afterCr = false

  const flush = () => {
    if (lines.length === 0) return
    const block = lines
    lines = []
    held = 0
    onEvent(readEvent(block))
  }

  return (chunk) => {
    let text = rest + decoder.write(chunk as Buffer)
    if (first && text.length > 0) {
      first = false
      if (text.charCodeAt(0) === 0xfeff) text = text.slice(1)
    }
    let start = 0
    for (let i = rest.length; i < text.length; i++) {
      const char = text.charCodeAt(i)
      if (char !== 10 && char !== 13) {
        afterCr = false
        continue
      }
      if (char === 10 && afterCr) {
        afterCr = false
        start = i + 1
        continue
      }
      afterCr = char === 13
      const line = text.slice(start, i)
      start = i + 1
      if (line === '') flush()
      else {
        held += line.length
        lines.push(line)
      }
      if (held > limit) throw new SseTooLarge()
    }
    rest = text.slice(start)
    if (held + rest.length > limit) throw new SseTooLarge()
  }
}

function readEvent(lines: readonly string[]): SseEvent {
  let event: string | undefined
  let data: string | undefined
  let id: string | undefined
  let retry: number | undefined
  for (const line of lines) {
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + (line[colon + 1] === ' ' ? 2 : 1))
    if (field === 'data') data = data === undefined ? value : `${data}\n${value}`
    else if (field === 'event') event = value
    else if (field === 'id' && !value.includes('\0')) id = value
    else if (field === 'retry' && /^\d{1,9}$/.test(value)) retry = Number(value)
  }
  return { raw: lines.join('\n'), event, data, id, retry }
}

/**
 * True when nothing is in the event but what was parsed: no comment, no field of another name, no event name but the one that the reader
 * of its data vouches for.
 */
export const isPlainEvent = ({ raw }: SseEvent, name = 'message'): boolean =>
  raw
    .split('\n')
    .every(
      (line) =>
        /^(data(:|$)|id(:|$)|retry: ?\d{1,9}$|:? ?$)/.test(line) ||
        line === `event: ${name}` ||
        line === `event:${name}`,
    )

/** The same event with other data and another id. What no program of ours has read is not passed on: comments, other fields and names. */
export function rewritten(
  event: SseEvent,
  data: string | undefined,
  id: string | undefined,
  name = 'message',
): string {
  const lines = [
    ...(id === undefined ? [] : [`id: ${id}`]),
    ...(event.event === name ? [`event: ${name}`] : []),
    ...(event.retry === undefined ? [] : [`retry: ${event.retry}`]),
    ...(data === undefined ? [] : data.split('\n').map((line) => `data: ${line}`)),
  ]
  return lines.length === 0 ? ':' : lines.join('\n')
}
