import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Codec, ToolCall } from './codec.ts'
import { codecs } from './index.ts'
import type { Hooks } from './judge.ts'
import { Judge } from './judge.ts'
import { filterAnswer, MAX_HELD, streamFilter } from './stream.ts'
import { filtered, hooks, providers } from './testing.ts'

const by = (api: Codec['api']) => codecs.find((codec) => codec.api === api)!
const bytes = (text: string) => [Buffer.from(text)]
const sse = (...events: object[]) => bytes(events.map((data) => `data: ${JSON.stringify(data)}\n\n`).join(''))
const one = (name: string, json: readonly string[] = ['{"a":1}']) => ({
  texts: ['t'],
  calls: [{ name, json }],
})

const choice = (delta: object, rest: object = {}) => ({
  choices: [{ index: 0, delta, finish_reason: null, ...rest }],
})
const fragment = (name: string, args: string) => ({ index: 0, id: 'c', function: { name, arguments: args } })

test('a call in the same chunk as text and the end is decided, and the text stays', async () => {
  const delta = { content: 'x', tool_calls: [fragment('wipe', '{}')] }
  const out = await filtered(by('openai-chat'), sse(choice(delta, { finish_reason: 'tool_calls' })))
  assert.doesNotMatch(out, /wipe|tool_calls/)
  assert.match(out, /"content":"x"/)
  assert.match(out, /\[stopped\].*\n\n.*"finish_reason":"stop"/s)
  const other = { content: 'x', tool_calls: [fragment('read', '{}')] }
  const kept = await filtered(by('openai-chat'), sse(choice(other, { finish_reason: 'tool_calls' })))
  assert.match(kept, /read.*\n\n.*"finish_reason":"tool_calls"/s)
})

test('choices that share a chunk are decided each by itself', async () => {
  const pair = [0, 1].map((index) => ({
    index,
    delta: { tool_calls: [fragment(index === 0 ? 'read' : 'wipe', '{}')] },
    finish_reason: 'tool_calls',
  }))
  const out = await filtered(by('openai-chat'), sse({ choices: pair }))
  assert.match(out, /"name":"read"/)
  assert.doesNotMatch(out, /wipe/)
})

test('the older function_call is a call too', async () => {
  const deltas = [
    { function_call: { name: 'wi', arguments: '' } },
    { function_call: { name: 'wipe', arguments: '' } },
  ]
  assert.match(await filtered(by('openai-chat'), sse(...deltas.map((delta) => choice(delta)))), /contradict/)
  const calls: ToolCall[] = []
  const whole = [{ function_call: { name: 'wipe', arguments: '{' } }, { function_call: { arguments: '}' } }]
  const end = choice({}, { finish_reason: 'function_call' })
  const out = await filtered(by('openai-chat'), sse(...whole.map((delta) => choice(delta)), end), calls)
  assert.deepEqual(
    calls.map((call) => [call.name, call.args]),
    [['wipe', {}]],
  )
  assert.doesNotMatch(out, /wipe|function_call/)
})

test('a whole message in a chunk does not take the place of the deltas', async () => {
  const message = { role: 'assistant', tool_calls: [fragment('wipe', '{}')] }
  const out = await filtered(by('openai-chat'), sse(choice({}, { message, finish_reason: 'tool_calls' })))
  assert.doesNotMatch(out, /wipe/)
  assert.match(out, /Ostiary/)
})

test('arguments with a key twice are shown as unreadable', async () => {
  for (const codec of codecs.filter(({ api }) => api !== 'gemini')) {
    const calls: ToolCall[] = []
    await filtered(codec, bytes(providers[codec.api](one('read', ['{"a":1,', '"a":2}']))), calls)
    assert.deepEqual([codec.api, calls[0]?.args], [codec.api, undefined])
  }
})

test('a call cannot fill memory', async () => {
  const codec = by('anthropic-messages')
  const start = providers[codec.api](one('read'))
  const filter = streamFilter(codec, hooks())
  await filter.push(
    Buffer.from(start.slice(0, start.indexOf('event: content_block_delta', start.indexOf('read')))),
  )
  const delta = { type: 'input_json_delta', partial_json: 'a'.repeat(MAX_HELD / 16) }
  const event = `data: ${JSON.stringify({ type: 'content_block_delta', index: 1, delta })}\n\n`
  let sent = 0
  while (!filter.stopped && sent < 32) {
    await filter.push(Buffer.from(event))
    sent++
  }
  assert.deepEqual([filter.stopped?.code, sent], ['too-large', 16])
})

test('memory for calls comes back when they are decided', async () => {
  const codec = by('anthropic-messages')
  const json = [`{"a":"${'x'.repeat(MAX_HELD / 4)}"}`]
  const calls = Array.from({ length: 8 }, () => ({ name: 'read', json }))
  const sent = providers[codec.api]({ texts: [], calls })
  assert.equal(await filtered(codec, bytes(sent)), sent)
})

test('a block out of turn, or with arguments twice, stops an Anthropic stream', async () => {
  const sent = providers['anthropic-messages'](one('read'))
  const forged = [
    sent.replaceAll('"index":1', '"index":0'),
    sent.replaceAll('"index":1', '"index":2'),
    sent.replace('"name":"read","input":{}', '"name":"read","input":{"b":2}'),
    sent.replace('"content":[]', '"content":[{"type":"text","text":"t"}]'),
    sent.replace('input_json_delta', 'input_yaml_delta'),
    sent.replace('text_delta', 'song_delta'),
  ]
  for (const text of forged) {
    assert.notEqual(text, sent)
    const out = await filtered(by('anthropic-messages'), bytes(text))
    assert.doesNotMatch(out, /"read"/)
    assert.match(out, /Ostiary/)
  }
})

test('an item that ends as another, or never, stops a responses stream', async () => {
  const sent = providers['openai-responses'](one('read'))
  const done = sent.indexOf('event: response.output_item.done', sent.indexOf('read'))
  const last = sent.indexOf('event: response.completed')
  const forged = [
    sent.slice(0, done) + sent.slice(done).replaceAll('"read"', '"write"'),
    sent.slice(0, done) + sent.slice(last),
    sent.slice(0, done) + sent.slice(done).replaceAll('{\\"a\\":1}', '{\\"a\\":2}'),
    sent.replace('"type":"response.output_text.delta"', '"type":"response.song.delta"'),
  ]
  for (const text of forged) {
    assert.notEqual(text, sent)
    const out = await filtered(by('openai-responses'), bytes(text))
    assert.doesNotMatch(out, /"(read|write)"/)
    assert.match(out, /Ostiary/)
  }
})

test('a final response that holds another call than was decided gets a decision of its own', async () => {
  const sent = providers['openai-responses'](one('read'))
  const last = sent.indexOf('event: response.completed')
  const calls: ToolCall[] = []
  const forged = sent.slice(0, last) + sent.slice(last).replaceAll('"read"', '"wipe"')
  const out = await filtered(by('openai-responses'), bytes(forged), calls)
  assert.deepEqual(
    calls.map((call) => call.name),
    ['read', 'wipe'],
  )
  assert.doesNotMatch(out, /wipe/)
})

test('a Gemini call in pieces is refused, for it cannot be decided whole', async () => {
  const pieces = [{ functionCall: { name: 'wipe', partialArgs: [{ jsonPath: '$.a', stringValue: 'x' }] } }]
  const out = await filtered(
    by('gemini'),
    sse({ candidates: [{ content: { role: 'model', parts: pieces } }] }),
  )
  assert.doesNotMatch(out, /wipe/)
  assert.match(out, /a call in pieces/)
})

test('token probabilities do not spell out what was taken from the text', async () => {
  const logprobs = { content: [...'SECRET🔑'].map((token) => ({ token, logprob: -1 })) }
  const body = { choices: [{ index: 0, message: { role: 'assistant', content: 'SECRET🔑' }, logprobs }] }
  const { choices } = JSON.parse(await filterAnswer(by('openai-chat'), JSON.stringify(body), hooks())) as {
    choices: { logprobs: unknown; message: { content: string } }[]
  }
  assert.deepEqual([choices[0]?.logprobs, choices[0]?.message.content], [null, '[out]'])
  const tokens = (token: string) => ({ logprobs: { content: [{ token, logprob: -1 }] } })
  const events = ['SEC', 'RET🔑'].map((content) => choice({ content }, tokens(content)))
  assert.doesNotMatch(await filtered(by('openai-chat'), sse(...events)), /SEC|RET/)
})

test('a gate never sees half of a character', () => {
  const seen: string[] = []
  const gate = { push: (text: string) => (seen.push(text) > 0 ? text : ''), end: () => '' }
  const channel = new Judge({ ...hooks(), gate: () => gate } satisfies Hooks).channel('a')
  const out = ['x\ud83d', '\udd11y', '\ud83d'].map((text) => channel.push(text)).join('') + channel.end()
  assert.deepEqual([seen, out], [['x', '🔑y', '', '\ud83d'], 'x🔑y\ud83d'])
})

test('nothing leaves in a comment, a field or an event name that no reader of the data sees', async () => {
  for (const codec of codecs) {
    const script = providers[codec.api]({ texts: ['t'], calls: [] })
    const spiked = script.replaceAll('data: ', ': SECRET\nx: SECRET\nevent: SECRET\ndata: ')
    const out = await filtered(codec, bytes(`: SECRET\n\nx: SECRET\n\n${spiked}`))
    assert.doesNotMatch(out, /SECRET/, codec.api)
    assert.match(out, /data: /, codec.api)
  }
})
