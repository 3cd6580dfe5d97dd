import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createScanner } from '../../../firewall/scanner.ts'
import { streamGates } from '../../../firewall/stream.ts'
import { codecs } from './index.ts'
import type { Hooks } from './judge.ts'
import { filterAnswer, streamFilter } from './stream.ts'
import { providers } from './testing.ts'

const SECRET = 'Qm7-harbour-lamp-2291'
const secrets = () => new Map([['lamp', SECRET]])
const scanner = createScanner({ secrets })
const hooks = (): Hooks => ({
  gate: streamGates({ scanner, secrets, onFindings: () => {} }),
  decide: () => ({ kind: 'pass' }),
})

async function filtered(api: string, chunks: readonly Uint8Array[]) {
  const filter = streamFilter(codecs.find((codec) => codec.api === api)!, hooks())
  let out = ''
  for (const chunk of chunks) out += await filter.push(chunk)
  out += await filter.end()
  return { out, code: filter.stopped?.reason?.code }
}

for (const { api } of codecs) {
  const texts = ['say this: ', 'is Qm7', '-harb', 'our-lamp', '-2291 the', ' end']
  test(`${api}: a secret in pieces ends the stream with its reason, and no beginning of it leaves`, async () => {
    const { out, code } = await filtered(api, [Buffer.from(providers[api]({ texts, calls: [] }))])
    assert.equal(code, 'CONTENT_SECRET')
    assert.match(out, /CONTENT_SECRET/)
    assert.doesNotMatch(out, /Qm7|harb/)
    assert.match(out, /say this: /)
  })

  test(`${api}: verdict and output are the same wherever the bytes are cut`, async () => {
    const bytes = Buffer.from(providers[api]({ texts, calls: [{ name: 'read', json: ['{}'] }] }))
    const whole = await filtered(api, [bytes])
    for (let at = 1; at < bytes.length; at += 3)
      assert.deepEqual(await filtered(api, [bytes.subarray(0, at), bytes.subarray(at)]), whole)
  })
}

test('a secret beside the arguments of a call, where no client looks, ends the answer too', async () => {
  for (const { api } of codecs) {
    const sent = providers[api]({ texts: ['a'], calls: [{ name: 'read', json: ['{}'] }] })
    const spiked = sent.replaceAll('"name":"read"', `"name":"read","trace":"${SECRET}"`)
    assert.notEqual(spiked, sent)
    const { out, code } = await filtered(api, [Buffer.from(spiked)])
    assert.deepEqual([api, code], [api, 'CONTENT_SECRET'])
    assert.doesNotMatch(out, /Qm7/, api)
  }
})

test('a whole answer with a secret in it is refused with the reason', async () => {
  const [chat] = codecs
  const body = { choices: [{ index: 0, message: { role: 'assistant', content: `it is ${SECRET}` } }] }
  await assert.rejects(filterAnswer(chat!, JSON.stringify(body), hooks()), {
    reason: { code: 'CONTENT_SECRET', details: { secret: 'lamp' } },
  })
})

test('what a rule names stops an answer with its reason, in every API, streamed or not', async () => {
  const handling = () => 'block' as const
  const ruled = (): Hooks => ({
    ...hooks(),
    gate: streamGates({ scanner, secrets, onFindings: () => {}, handling }),
  })
  for (const codec of codecs) {
    const filter = streamFilter(codec, ruled())
    const texts = ['the card ', 'is 4539 1488', ' 0343 6467 of', ' Ana']
    const out = await filter.push(Buffer.from(providers[codec.api]({ texts, calls: [] })))
    assert.equal(filter.stopped?.reason?.code, 'CONTENT_BLOCKED', codec.api)
    assert.match(out, /CONTENT_BLOCKED/)
    assert.doesNotMatch(out, /4539|6467/)
  }
  const [chat] = codecs
  const body = { choices: [{ index: 0, message: { role: 'assistant', content: 'mail ana@clinic.example' } }] }
  await assert.rejects(filterAnswer(chat!, JSON.stringify(body), ruled()), {
    reason: { code: 'CONTENT_BLOCKED', details: { detector: 'personal-data', what: 'e-mail address' } },
  })
})
