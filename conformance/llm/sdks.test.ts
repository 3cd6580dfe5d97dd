import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Clients, Guarded } from './guarded.ts'
import { KEY, startModels } from './guarded.ts'

let guarded: Guarded
let clients: Clients

before(async () => {
  guarded = await startModels()
  clients = guarded.clients
})

after(() => guarded?.[Symbol.asyncDispose]())

const echo = (args: string) => ({ name: 'files__echo', json: [args.slice(0, 5), args.slice(5)] })
const SCRIPT = { texts: ['Hello ', 'there.'], calls: [echo('{"text":"hi"}')] }
const schema = { type: 'object' as const, properties: { text: { type: 'string' as const } } }

/** The key that arrived, and nothing of the agent's own. */
function assertKeyed(header: 'authorization' | 'x-api-key' | 'x-goog-api-key'): void {
  const { headers } = guarded.models.asked.at(-1) as (typeof guarded.models.asked)[number]
  const keys = ['authorization', 'x-api-key', 'x-goog-api-key', 'dpop']
  assert.deepEqual(
    keys.filter((name) => headers[name] !== undefined),
    [header],
  )
  assert.equal(headers[header], header === 'authorization' ? `Bearer ${KEY}` : KEY)
}

test('openai: chat completions, whole and streamed', async () => {
  guarded.models.script = SCRIPT
  const ask = {
    model: 'm',
    messages: [{ role: 'user' as const, content: 'ask' }],
    tools: [{ type: 'function' as const, function: { name: 'files__echo', parameters: schema } }],
  }
  const whole = await clients.openai.chat.completions.create(ask)
  assertKeyed('authorization')
  const streamed = await clients.openai.chat.completions.stream(ask).finalChatCompletion()
  for (const { choices } of [whole, streamed]) {
    const [call] = choices[0]?.message.tool_calls ?? []
    assert.equal(choices[0]?.message.content, 'Hello there.')
    assert.deepEqual(call?.type === 'function' && [call.function.name, call.function.arguments], [
      'files__echo',
      '{"text":"hi"}',
    ])
    assert.equal(choices[0]?.finish_reason, 'tool_calls')
  }
})

test('openai: responses, whole and streamed', async () => {
  guarded.models.script = SCRIPT
  const ask = {
    model: 'm',
    input: 'ask',
    tools: [{ type: 'function' as const, name: 'echo', parameters: schema, strict: false }],
  }
  const whole = await clients.openai.responses.create(ask)
  assertKeyed('authorization')
  const streamed = await clients.openai.responses.stream(ask).finalResponse()
  for (const { output, output_text } of [whole, streamed]) {
    assert.equal(output_text, 'Hello there.')
    assert.deepEqual(
      output.flatMap((item) => (item.type === 'function_call' ? [[item.name, item.arguments]] : [])),
      [['files__echo', '{"text":"hi"}']],
    )
  }
})

test('anthropic: messages, whole and streamed, and counting', async () => {
  guarded.models.script = SCRIPT
  const ask = {
    model: 'm',
    max_tokens: 9,
    messages: [{ role: 'user' as const, content: 'ask' }],
    tools: [{ name: 'echo', input_schema: schema }],
  }
  const whole = await clients.anthropic.messages.create(ask, { headers: { 'anthropic-beta': 'a-beta' } })
  assertKeyed('x-api-key')
  assert.equal(guarded.models.asked.at(-1)?.headers['anthropic-beta'], 'a-beta')
  assert.match(String(guarded.models.asked.at(-1)?.headers['anthropic-version']), /^\d{4}-/)
  const streamed = await clients.anthropic.messages.stream(ask).finalMessage()
  for (const { content, stop_reason } of [whole, streamed]) {
    assert.deepEqual(
      content.map((block) =>
        block.type === 'text' ? block.text : block.type === 'tool_use' && [block.name, block.input],
      ),
      ['Hello there.', ['files__echo', { text: 'hi' }]],
    )
    assert.equal(stop_reason, 'tool_use')
  }
  guarded.models.behave = (_asked, res) => {
    res.writeHead(200, { 'content-type': 'application/json' }).end('{"input_tokens":7}')
    return true
  }
  const { model, messages } = ask
  assert.equal((await clients.anthropic.messages.countTokens({ model, messages })).input_tokens, 7)
  guarded.models.behave = () => false
})

test('google: content, whole and streamed', async () => {
  guarded.models.script = SCRIPT
  const ask = {
    model: 'm',
    contents: 'ask',
    config: { tools: [{ functionDeclarations: [{ name: 'echo', parametersJsonSchema: schema }] }] },
  }
  const whole = await clients.google.models.generateContent(ask)
  assertKeyed('x-goog-api-key')
  const parts = [...(whole.candidates?.[0]?.content?.parts ?? [])]
  const streamed = []
  for await (const chunk of await clients.google.models.generateContentStream(ask))
    streamed.push(...(chunk.candidates?.[0]?.content?.parts ?? []))
  for (const list of [parts, streamed]) {
    assert.equal(list.map((part) => part.text ?? '').join(''), 'Hello there.')
    assert.deepEqual(
      list.flatMap(({ functionCall }) => (functionCall ? [[functionCall.name, functionCall.args]] : [])),
      [['files__echo', { text: 'hi' }]],
    )
  }
})
