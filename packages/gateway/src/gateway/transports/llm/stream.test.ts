import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ToolCall } from './codec.ts'
import { codecs } from './index.ts'
import { AnswerStopped } from './judge.ts'
import { filterAnswer, MAX_EVENT, streamFilter } from './stream.ts'
import type { Script } from './testing.ts'
import { filtered, hooks, providers } from './testing.ts'

const bytes = (text: string) => Buffer.from(text)

/** Cuts into pieces of the given sizes, through characters too. */
function cut(text: string, sizes: readonly number[]): Buffer[] {
  const whole = bytes(text)
  const out: Buffer[] = []
  for (let at = 0, i = 0; at < whole.length; i++) {
    const size = sizes[i % sizes.length] as number
    out.push(whole.subarray(at, at + size))
    at += size
  }
  return out
}

const mixed: Script = {
  texts: ['ä "x" SEC', 'RET', '🔑 b\n', 'SECRE'],
  calls: [
    { name: 'read', json: ['{"path', '":"a\\u00e4🔑"}'] },
    { name: 'wipe', json: ['{"all":tr', 'ue}'] },
    { name: 'send', json: ['{"to":"evil"}'] },
  ],
}
const harmless: Script = { texts: ['ä', '€😀'], calls: [{ name: 'read', json: ['{"a":', '1}'] }] }

for (const codec of codecs) {
  const sent = providers[codec.api](mixed)

  test(`${codec.api}: however the bytes are cut, verdict and output are the same`, async () => {
    const calls: ToolCall[] = []
    const expected = await filtered(codec, [bytes(sent)], calls)
    const length = bytes(sent).length
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 97 }), { minLength: 1, maxLength: 9 }),
        async (sizes) => {
          const now: ToolCall[] = []
          assert.equal(await filtered(codec, cut(sent, sizes), now), expected)
          assert.deepEqual(now, calls)
        },
      ),
      { numRuns: 40 },
    )
    for (let at = 1; at < length; at++) {
      assert.equal(await filtered(codec, [bytes(sent).subarray(0, at), bytes(sent).subarray(at)]), expected)
    }
  })

  test(`${codec.api}: nothing of a call or a secret leaves before it is decided`, async () => {
    const calls: ToolCall[] = []
    const out = await filtered(codec, [bytes(sent)], calls)
    assert.deepEqual(
      calls.map(({ name, args }) => [name, args]),
      [
        ['read', { path: 'aä🔑' }],
        ['wipe', { all: true }],
        ['send', { to: 'evil' }],
      ],
    )
    assert.doesNotMatch(out, /wipe|evil|SECRET🔑/)
    assert.match(out, /\[stopped\]/)
    // Before the call's last event, no byte of it is out.
    const filter = streamFilter(codec, hooks())
    const early = await filter.push(bytes(sent.slice(0, sent.indexOf('wipe') + 6)))
    assert.doesNotMatch(early, /wipe/)
  })

  test(`${codec.api}: what is harmless leaves byte for byte`, async () => {
    const plain = providers[codec.api](harmless)
    assert.equal(await filtered(codec, [bytes(plain)]), plain)
  })

  test(`${codec.api}: a text is the same in sum, however the provider cuts it`, async () => {
    const whole = 'x SECRET🔑 SECRET SECSECRET🔑y SECR'
    const textOf = async (texts: readonly string[]) =>
      deltas(await filtered(codec, [bytes(providers[codec.api]({ texts, calls: [] }))]))
    const once = await textOf([whole])
    assert.equal(once, 'x [out] SECRET SEC[out]y SECR')
    for (let at = 1; at < whole.length; at++) {
      assert.equal(await textOf([whole.slice(0, at), whole.slice(at)]), once)
    }
  })

  test(`${codec.api}: a stream that ends inside a call gives nothing of it, and says so`, async () => {
    const end = sent.indexOf('wipe')
    const start = sent.slice(0, sent.indexOf('\n\n', end) + 2)
    const out = await filtered(codec, [bytes(start)])
    assert.doesNotMatch(out, /wipe/)
    if (codec.api !== 'gemini') assert.match(out, /ended inside a call/)
  })

  test(`${codec.api}: an event that is too large, or that readers could read in two ways, ends the stream`, async () => {
    for (const bad of [
      `data: ${'a'.repeat(MAX_EVENT + 1)}`,
      'data: {"type":"ping","type":"x"}\n\n',
      'data: []\n\n',
    ]) {
      const filter = streamFilter(codec, hooks())
      const out = await filter.push(bytes(bad))
      assert.ok(filter.stopped)
      assert.match(out, /Ostiary/)
      assert.equal(await filter.push(bytes(sent)), '')
    }
  })

  test(`${codec.api}: an exception in a decision lets nothing out, then or later`, async () => {
    const failing = { ...hooks(), decide: () => Promise.reject(new Error('dead')) }
    const filter = streamFilter(codec, failing)
    await assert.rejects(() => filter.push(bytes(sent)), /dead/)
    assert.equal(await filter.push(bytes(sent)), '')
  })
}

/** The text of an answer as its deltas give it. */
function deltas(out: string): string {
  let text = ''
  for (const [, data] of out.matchAll(/^data: (\{.*)$/gm)) {
    const event = JSON.parse(data as string) as {
      type?: string
      delta?: string | { text?: string }
      choices?: { delta: { content?: string } }[]
      candidates?: { content: { parts: { text?: string }[] } }[]
    }
    if (event.choices) text += event.choices[0]?.delta.content ?? ''
    else if (event.candidates) text += event.candidates[0]?.content.parts.map((part) => part.text).join('')
    else if (typeof event.delta === 'string') text += event.delta
    else text += event.delta?.text ?? ''
  }
  return text
}

const by = (api: string) => codecs.find((codec) => codec.api === api)!

test('a name that comes twice leaves once, so that no client adds it up', async () => {
  const fragment = (args: string) => ({
    index: 0,
    id: 'c',
    function: { name: 'read', arguments: args },
  })
  const chunks = [{ tool_calls: [fragment('{')] }, { tool_calls: [fragment('}')] }]
  const events = chunks.map((delta) => ({ choices: [{ index: 0, delta, finish_reason: null }] }))
  const done = { choices: [{ index: 0, delta: {}, finish_reason: 'tool_calls' }] }
  const sent = [...events, done].map((data) => `data: ${JSON.stringify(data)}\n\n`).join('')
  const out = await filtered(by('openai-chat'), [bytes(sent)])
  assert.equal(out.match(/"read"/g)?.length, 1)
  assert.match(out, /"arguments":"\{\}"/)
})

test('pieces that say one thing and an item that says another stop the stream', async () => {
  const sent = providers['openai-responses']({ texts: ['a'], calls: [{ name: 'read', json: ['{"a":1}'] }] })
  const forged = sent.replaceAll('"delta":"{\\"a\\":1}"', '"delta":"{\\"a\\":2}"')
  assert.notEqual(forged, sent)
  const out = await filtered(by('openai-responses'), [bytes(forged)])
  assert.doesNotMatch(out, /a\\":2/)
  assert.match(out, /does not fit its call/)
})

test('a tool that the provider ran is shown to the decision, streamed and whole', async () => {
  const whole: Record<string, object> = {
    'openai-responses': { output: [{ type: 'web_search_call', id: 'w', action: { query: 'q' } }] },
    'anthropic-messages': {
      content: [{ type: 'server_tool_use', id: 's', name: 'web_search', input: { query: 'q' } }],
    },
    gemini: { candidates: [{ content: { parts: [{ executableCode: { language: 'PYTHON', code: 'q' } }] } }] },
  }
  for (const [api, body] of Object.entries(whole)) {
    const calls: ToolCall[] = []
    const out = await filterAnswer(by(api), JSON.stringify(body), hooks(calls))
    assert.deepEqual([api, calls.map((call) => call.kind)], [api, ['provider']])
    assert.match(out, /\[stopped\]/)
  }
})

test('whole: a removed call leaves a notice, and an unchanged answer is the same text', async () => {
  const message = (name: string) =>
    JSON.stringify({
      choices: [
        {
          index: 0,
          message: {
            role: 'assistant',
            content: null,
            tool_calls: [{ id: 'c', type: 'function', function: { name, arguments: '{}' } }],
          },
          finish_reason: 'tool_calls',
        },
      ],
    })
  assert.equal(await filterAnswer(by('openai-chat'), message('read'), hooks()), message('read'))
  const { choices } = JSON.parse(await filterAnswer(by('openai-chat'), message('wipe'), hooks())) as {
    choices: object[]
  }
  assert.deepEqual(choices, [
    { index: 0, message: { role: 'assistant', content: '\n[stopped]' }, finish_reason: 'stop' },
  ])
  await assert.rejects(() => filterAnswer(by('openai-chat'), '{"a":1,"a":2}', hooks()), AnswerStopped)
})
