import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canonicalize, NotCanonical } from '@ostiary/evidence'
import fc from 'fast-check'
import { recordable } from './recordable.ts'
import { event, LogBench, MemoryDisk } from './testing.ts'

test('nobody keeps what they did out of the log by text that is no Unicode, or numbers without end', async () => {
  using bench = new LogBench()
  const log = await bench.open(new MemoryDisk())
  const odd = { name: 'a\ud800', '\udc00': [Number('1e999'), { ok: true }], half: '😀'.slice(0, 1) }
  const { index } = await log.append({ ...event(1), data: odd })
  assert.deepEqual((await log.read(index)).entry.data, {
    name: 'a\ufffd',
    '\ufffd': ['Infinity', { ok: true }],
    half: '\ufffd',
  })
})

test('all that JSON can carry is recorded, and as it is where it has a canonical form', () => {
  const anything = fc.jsonValue({ stringUnit: 'binary' })
  fc.assert(fc.property(anything, (value) => recordable(value) === canonicalize(value)))
  const halves = fc.string({ unit: fc.constantFrom('a', '\ud800', '\udc00', '"') })
  fc.assert(
    fc.property(fc.dictionary(halves, halves), (value) => JSON.parse(recordable({ ...value })) !== undefined),
  )
})

test('what is no JSON at all is still our bug', () => {
  assert.throws(() => recordable({ when: new Date() }), NotCanonical)
  assert.throws(() => recordable({ count: 1n }), NotCanonical)
})
