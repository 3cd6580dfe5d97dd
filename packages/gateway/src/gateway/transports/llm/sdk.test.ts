import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import Anthropic from '@anthropic-ai/sdk'
import { GoogleGenAI } from '@google/genai'
import OpenAI from 'openai'
import type { JsonObject } from '../../../model/json.ts'
import type { Codec, ModelRequest } from './codec.ts'
import { codecs } from './index.ts'
import { filterAnswer, streamFilter } from './stream.ts'
import { filtered, hooks, providers } from './testing.ts'

const SCRIPT = {
  texts: ['a SEC', 'RET🔑 b', ' SECR'],
  calls: [
    { name: 'read', json: ['{"path":', '"ä"}'] },
    { name: 'wipe', json: ['{}'] },
    { name: 'send', json: ['{"to":"evil"}'] },
  ],
}
const TEXT = 'a [out] b SECR'

const by = (api: Codec['api']) => codecs.find((codec) => codec.api === api)!

/** A model server that gives what the filter lets out; `asked` is what the codec read of the last request. */
async function serve(t: TestContext, api: Codec['api'], answer: { whole?: object; stream?: string }) {
  const codec = by(api)
  const seen: { asked?: ModelRequest } = {}
  const server = createServer((req, res) => {
    void (async () => {
      const chunks: Buffer[] = []
      for await (const chunk of req) chunks.push(chunk as Buffer)
      seen.asked = codec.readRequest(JSON.parse(Buffer.concat(chunks).toString()) as JsonObject)
      if (answer.whole) {
        res.setHeader('content-type', 'application/json')
        res.end(await filterAnswer(codec, JSON.stringify(answer.whole), hooks()))
      } else {
        res.setHeader('content-type', 'text/event-stream')
        res.end(await filtered(codec, [Buffer.from(answer.stream ?? providers[api](SCRIPT))]))
      }
    })()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

/** An answer that ends with an error of the filter. */
async function broken(api: Codec['api']): Promise<string> {
  const filter = streamFilter(by(api), hooks())
  const start = providers[api]({ texts: ['a'], calls: [] })
  const first = await filter.push(Buffer.from(start.slice(0, start.indexOf('\n\n') + 2)))
  return first + (await filter.push(Buffer.from('data: []\n\n')))
}

const schema = { type: 'object' as const, properties: {} }
const openai = (url: string) => new OpenAI({ apiKey: 'k', baseURL: `${url}/v1`, maxRetries: 0 })

test('openai: streamed chat completions', async (t) => {
  const { url, seen } = await serve(t, 'openai-chat', {})
  const run = openai(url).chat.completions.stream({
    model: 'm',
    messages: [{ role: 'user', content: 'ask' }],
    tools: [{ type: 'function', function: { name: 'read', parameters: schema } }],
  })
  const { choices } = await run.finalChatCompletion()
  assert.equal(choices[0]?.message.content, `a [out] b \n[stopped]SECR`)
  assert.deepEqual(
    choices[0]?.message.tool_calls
      ?.map((call) => call.type === 'function' && call.function)
      .map((call) => call && [call.name, call.arguments]),
    [
      ['read', '{"path":"ä"}'],
      ['send', '{"to":"safe"}'],
    ],
  )
  assert.deepEqual(
    [seen.asked?.unknown, seen.asked?.tools[0]?.name, seen.asked?.parts[0]?.standing, seen.asked?.stream],
    [[], 'read', 'person', true],
  )
})

test('openai: streamed responses', async (t) => {
  const { url, seen } = await serve(t, 'openai-responses', {})
  const run = openai(url).responses.stream({
    model: 'm',
    input: 'ask',
    tools: [{ type: 'function', name: 'read', parameters: schema, strict: false }],
  })
  const texts: string[] = []
  run.on('response.output_text.delta', (event) => texts.push(event.delta))
  const { output, output_text } = await run.finalResponse()
  assert.equal(output_text, `${TEXT}[stopped]`)
  assert.equal(texts.join(''), `${TEXT}[stopped]`)
  assert.deepEqual(
    output.filter((item) => item.type === 'function_call').map((call) => [call.name, call.arguments]),
    [
      ['read', '{"path":"ä"}'],
      ['send', '{"to":"safe"}'],
    ],
  )
  assert.deepEqual([seen.asked?.unknown, seen.asked?.tools[0]?.name], [[], 'read'])
})

test('anthropic: streamed messages', async (t) => {
  const { url, seen } = await serve(t, 'anthropic-messages', {})
  const client = new Anthropic({ apiKey: 'k', baseURL: url, maxRetries: 0 })
  const message = await client.messages
    .stream({
      model: 'm',
      max_tokens: 9,
      messages: [{ role: 'user', content: 'ask' }],
      tools: [{ name: 'read', input_schema: schema }],
    })
    .finalMessage()
  assert.deepEqual(
    message.content.map((block) =>
      block.type === 'text' ? block.text : block.type === 'tool_use' && [block.name, block.input],
    ),
    [TEXT, ['read', { path: 'ä' }], '[stopped]', ['send', { to: 'safe' }]],
  )
  assert.equal(message.stop_reason, 'tool_use')
  assert.deepEqual([seen.asked?.unknown, seen.asked?.tools[0]?.name], [[], 'read'])
})

test('google: streamed content', async (t) => {
  const { url, seen } = await serve(t, 'gemini', {})
  const client = new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl: url } })
  const stream = await client.models.generateContentStream({
    model: 'm',
    contents: 'ask',
    config: { tools: [{ functionDeclarations: [{ name: 'read', parametersJsonSchema: schema }] }] },
  })
  const parts = []
  for await (const chunk of stream) parts.push(...(chunk.candidates?.[0]?.content?.parts ?? []))
  assert.equal(parts.map((part) => part.text ?? '').join(''), 'a [out] b [stopped]SECR')
  assert.deepEqual(
    parts.flatMap(({ functionCall }) => (functionCall ? [[functionCall.name, functionCall.args]] : [])),
    [
      ['read', { path: 'ä' }],
      ['send', { to: 'safe' }],
    ],
  )
  assert.deepEqual([seen.asked?.unknown, seen.asked?.tools[0]?.name], [[], 'read'])
})

test('when the only call is removed, no client waits for its result', async (t) => {
  const only = { texts: ['a'], calls: [{ name: 'wipe', json: ['{}'] }] }
  const chat = await serve(t, 'openai-chat', { stream: providers['openai-chat'](only) })
  const messages = [{ role: 'user' as const, content: 'ask' }]
  const { choices } = await openai(chat.url)
    .chat.completions.stream({ model: 'm', messages })
    .finalChatCompletion()
  assert.deepEqual([choices[0]?.finish_reason, choices[0]?.message.tool_calls], ['stop', undefined])
  const claude = await serve(t, 'anthropic-messages', { stream: providers['anthropic-messages'](only) })
  const client = new Anthropic({ apiKey: 'k', baseURL: claude.url, maxRetries: 0 })
  const message = await client.messages.stream({ model: 'm', max_tokens: 9, messages }).finalMessage()
  assert.deepEqual(
    [message.stop_reason, message.content.map((block) => block.type)],
    ['end_turn', ['text', 'text']],
  )
})

test('whole answers: each client reads what is left of them', async (t) => {
  const call = { id: 'c', type: 'function', function: { name: 'wipe', arguments: '{}' } }
  const messages = [{ role: 'user' as const, content: 'ask' }]
  const chat = await serve(t, 'openai-chat', {
    whole: {
      choices: [
        {
          index: 0,
          finish_reason: 'tool_calls',
          message: { role: 'assistant', content: 'SECRET🔑', tool_calls: [call] },
        },
      ],
    },
  })
  const completion = await openai(chat.url).chat.completions.create({ model: 'm', messages })
  assert.deepEqual(completion.choices[0]?.message, { role: 'assistant', content: '[out]\n[stopped]' })

  const item = {
    type: 'function_call',
    id: 'f',
    call_id: 'c',
    name: 'wipe',
    arguments: '{}',
    status: 'completed',
  }
  const responses = await serve(t, 'openai-responses', { whole: { object: 'response', output: [item] } })
  assert.equal(
    (await openai(responses.url).responses.create({ model: 'm', input: 'ask' })).output_text,
    '[stopped]',
  )

  const content = [{ type: 'tool_use', id: 't', name: 'send', input: { to: 'evil' } }]
  const claude = await serve(t, 'anthropic-messages', {
    whole: { type: 'message', content, stop_reason: 'tool_use' },
  })
  const client = new Anthropic({ apiKey: 'k', baseURL: claude.url, maxRetries: 0 })
  const message = await client.messages.create({ model: 'm', max_tokens: 9, messages })
  assert.deepEqual(message.content, [{ ...content[0], input: { to: 'safe' } }])

  const parts = [{ text: 'SECRET🔑' }, { functionCall: { name: 'wipe', args: {} } }]
  const google = await serve(t, 'gemini', { whole: { candidates: [{ content: { role: 'model', parts } }] } })
  const ai = new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl: google.url } })
  const answer = await ai.models.generateContent({ model: 'm', contents: 'ask' })
  assert.deepEqual([answer.text, answer.functionCalls], ['[out][stopped]', undefined])
})

test('a stopped stream is an error to each client, not an answer', async (t) => {
  const messages = [{ role: 'user' as const, content: 'ask' }]
  const run = async (api: Codec['api'], ask: (url: string) => Promise<unknown>) => {
    const stream = await broken(api)
    const server = createServer((_, res) => {
      res.setHeader('content-type', 'text/event-stream')
      res.end(stream)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => {
      server.closeAllConnections()
      server.close()
    })
    await assert.rejects(
      () => ask(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
      /Ostiary/,
      api,
    )
  }
  await run('openai-chat', (url) =>
    openai(url).chat.completions.stream({ model: 'm', messages }).finalChatCompletion(),
  )
  await run('openai-responses', (url) =>
    openai(url).responses.stream({ model: 'm', input: 'ask' }).finalResponse(),
  )
  await run('anthropic-messages', (url) =>
    new Anthropic({ apiKey: 'k', baseURL: url, maxRetries: 0 }).messages
      .stream({ model: 'm', max_tokens: 9, messages })
      .finalMessage(),
  )
  await run('gemini', async (url) => {
    const ai = new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl: url } })
    for await (const chunk of await ai.models.generateContentStream({ model: 'm', contents: 'ask' }))
      assert.ok(chunk)
  })
})
