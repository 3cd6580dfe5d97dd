import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { encodeEntry } from '../audit/entry.ts'
import { SealedContents } from '../credentials/contents.ts'
import { SealBroken } from '../credentials/seal.ts'
import type { Original } from '../firewall/treat.ts'
import type { Exchange } from './exchange.ts'
import { sealedPart, transformedEvent } from './transformed.ts'

const original = (text: string | undefined): Original => ({
  detector: 'personal-data',
  what: 'e-mail address',
  do: text === undefined ? 'spotlight' : 'redact',
  text,
})
const exchange = {
  id: 'cal_1',
  facts: { task: { id: 'tsk_1' }, action: { server: 'files' } },
} as unknown as Exchange

test('each value is kept once, and what was only marked not at all', () => {
  const part = sealedPart([original('a@b.example'), original(undefined), original('a@b.example')])
  assert.deepEqual(JSON.parse(part), {
    originals: [{ what: 'e-mail address', text: 'a@b.example' }],
    left_out: 0,
  })
})

test('however much was taken out, the entry fits into the log and says how much did not', () => {
  const contents = new SealedContents(randomBytes(32))
  for (const text of ['\u{1f600}'.repeat(60), '"'.repeat(100), 'a'.repeat(20_000)]) {
    const originals = Array.from({ length: 2000 }, (_, i) => original(`${i}${text}`))
    const part = sealedPart(originals)
    assert.ok(Buffer.byteLength(part) <= 16_384)
    const event = transformedEvent(exchange, originals)
    const sealed = contents.seal('cal_1', part)
    assert.doesNotThrow(() => encodeEntry({ ...event, data: { ...event.data, sealed } }, 0))
    const read = JSON.parse(part) as { originals: unknown[]; left_out: number }
    assert.equal(read.originals.length + read.left_out, 2000)
  }
})

test('what was sealed for one call cannot be passed off as that of another', () => {
  const contents = new SealedContents(randomBytes(32))
  const sealed = contents.seal('cal_1', 'content')
  assert.equal(contents.open('cal_1', sealed), 'content')
  assert.throws(() => contents.open('cal_2', sealed), SealBroken)
})
