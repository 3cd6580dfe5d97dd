import { StringDecoder } from 'node:string_decoder'

export interface StreamEvent {
  readonly id: string | undefined
  readonly data: string | undefined
  /** Milliseconds to wait before reconnecting, when the event says so. */
  readonly retry: number | undefined
}

/** Events of a byte stream (WHATWG HTML section 9.2), each as soon as it is whole. @throws RangeError beyond `limit` characters */
export async function* readEvents(
  stream: AsyncIterable<Uint8Array>,
  limit: number,
): AsyncGenerator<StreamEvent> {
  const decoder = new StringDecoder('utf8')
  let buffer = ''
  for await (const chunk of stream) {
    buffer += decoder.write(chunk as Buffer)
    for (let match = /\r?\n\r?\n|\r\r/.exec(buffer); match; match = /\r?\n\r?\n|\r\r/.exec(buffer)) {
      yield parse(buffer.slice(0, match.index))
      buffer = buffer.slice(match.index + match[0].length)
    }
    if (buffer.length > limit) throw new RangeError('a message is too large')
  }
}

function parse(block: string): StreamEvent {
  let id: string | undefined
  let data: string | undefined
  let retry: number | undefined
  for (const line of block.split(/\r\n|\r|\n/)) {
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + (line[colon + 1] === ' ' ? 2 : 1))
    if (field === 'data') data = data === undefined ? value : `${data}\n${value}`
    else if (field === 'id') id = value
    else if (field === 'retry' && /^\d{1,7}$/.test(value)) retry = Number(value)
  }
  return { id, data, retry }
}
