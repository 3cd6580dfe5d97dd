import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { SseEvent } from './sse.ts'
import { rewritten, SseTooLarge, sseParser } from './sse.ts'

const parse = (chunks: readonly Uint8Array[], limit = 10_000): SseEvent[] => {
  const events: SseEvent[] = []
  const feed = sseParser(limit, (event) => events.push(event))
  for (const chunk of chunks) feed(chunk)
  return events
}

const bytes = (text: string) => Buffer.from(text)

test('fields are read as WHATWG HTML section 9.2 says', () => {
  const [first, second, third] = parse([
    bytes(
      '\ufeffevent: a\ndata: one\ndata:two\nid: 7\nretry: 250\n\n: comment\n\ndata\nid: x\0y\nretry: soon\n\n',
    ),
  ])
  assert.deepEqual(
    { event: first?.event, data: first?.data, id: first?.id, retry: first?.retry },
    { event: 'a', data: 'one\ntwo', id: '7', retry: 250 },
  )
  assert.equal(second?.data, undefined)
  assert.deepEqual([third?.data, third?.id, third?.retry], ['', undefined, undefined])
})

test('however the bytes are cut, the events are the same', () => {
  const line = fc.constantFrom('data: ä€😀', 'data:', ': ping', 'event: message', 'id: 1', 'retry: 5', '')
  const end = fc.constantFrom('\n', '\r\n', '\r')
  fc.assert(
    fc.property(
      fc.array(fc.tuple(line, end), { maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
      (lines, sizes) => {
        const whole = bytes(`${lines.map(([text, eol]) => text + eol).join('')}x\n\n`)
        const chunks: Uint8Array[] = []
        for (let at = 0, i = 0; at < whole.length; i++) {
          const size = sizes[i % sizes.length] as number
          chunks.push(whole.subarray(at, at + size))
          at += size
        }
        assert.deepEqual(parse(chunks), parse([whole]))
      },
    ),
  )
})

test('a server cannot fill memory with an event that never ends', () => {
  const feed = sseParser(1000, () => {})
  assert.throws(() => {
    for (let i = 0; i < 100; i++) feed(bytes('data: aaaaaaaaaaaaaaaaaaaaaaaaa\n'))
  }, SseTooLarge)
  const other = sseParser(1000, () => {})
  assert.throws(() => {
    for (let i = 0; i < 100; i++) other(bytes('a'.repeat(50)))
  }, SseTooLarge)
})

test('other data and another id leave the other lines', () => {
  const [event] = parse([bytes('id: 3\nevent: message\ndata: {"a":1}\ndata: more\nretry: 9\n\n')])
  assert.equal(rewritten(event as SseEvent, '{"b":2}', 'x'), 'id: x\nevent: message\nretry: 9\ndata: {"b":2}')
  assert.equal(
    rewritten(event as SseEvent, event?.data, '4'),
    'id: 4\nevent: message\nretry: 9\ndata: {"a":1}\ndata: more',
  )
  const [bare] = parse([bytes('id\nretry: 9\n\n')])
  assert.equal(rewritten(bare as SseEvent, undefined, ''), 'id: \nretry: 9')
})
