import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import type { ChatCompletionCreateParamsStreaming } from 'openai/resources/chat/completions'
import type { Guarded } from './guarded.ts'
import { ask, KEY, startModels } from './guarded.ts'

let guarded: Guarded

before(async () => {
  guarded = await startModels({ workers: 1, limits: { in_flight: 2, body: 65_536 } })
})

after(() => guarded?.[Symbol.asyncDispose]())

afterEach(() => {
  guarded.models.behave = () => false
  guarded.models.script = { texts: ['fine'], calls: [] }
})

const chunk = (content: string) =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`

const STREAM: ChatCompletionCreateParamsStreaming = { model: 'm', messages: [], stream: true }
test('an instance has only so many calls open at once', async () => {
  guarded.models.behave = (_asked, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' }).write(chunk('once '))
    return true
  }
  const openai = guarded.clients.openai.withOptions({ maxRetries: 0 })
  const open = await Promise.all([openai, openai].map((sdk) => sdk.chat.completions.create(STREAM)))
  await assert.rejects(openai.chat.completions.create(STREAM), /TOO_MANY_OPEN/)
  for (const stream of open) stream.controller.abort()
  guarded.models.behave = () => false
  const isFree = () =>
    ask({ ...guarded.clients, openai }, 'openai-chat', false).then(
      () => true,
      () => false,
    )
  while (!(await isFree())) await new Promise((tick) => setTimeout(tick, 20))
})

test('a request beyond the limit is refused, in the shape the SDK reads', async () => {
  const { anthropic } = guarded.clients
  const messages = [{ role: 'user' as const, content: 'x'.repeat(70_000) }]
  await assert.rejects(
    anthropic.messages.create({ model: 'm', max_tokens: 1, messages }),
    /REQUEST_TOO_LARGE/,
  )
})

/** Says the same again and again, as fast as it is taken. @returns how much was taken, and when no more is */
function flood(piece: string) {
  const held = Promise.withResolvers<void>()
  const gone = Promise.withResolvers<void>()
  const taken = { bytes: 0 }
  guarded.models.behave = (_asked, res) => {
    const pour = () => {
      while (!res.destroyed && res.write(piece)) taken.bytes += piece.length
      waiting.refresh()
    }
    const waiting = setTimeout(() => held.resolve(), 500)
    res.on('drain', pour).on('close', () => gone.resolve())
    res.writeHead(200, { 'content-type': 'text/event-stream' })
    pour()
    return true
  }
  return { taken, held: held.promise, gone: gone.promise }
}

test('a client that does not read holds back the provider, and fills no memory', async () => {
  const { taken, held, gone } = flood(chunk('word '.repeat(1000)))
  const { body } = await guarded.agent.request(guarded.task, '/llm/lab/v1/chat/completions', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(STREAM),
  })
  body.on('error', () => {})
  await held
  assert.ok(taken.bytes < 12 * 1024 * 1024, `${taken.bytes} bytes were taken`)
  body.destroy()
  await gone
})

test('a stream without end is ended at the limit', async () => {
  const { gone } = flood(`: ${'keep '.repeat(10_000)}\n\n`)
  const stream = await guarded.clients.openai.chat.completions.create(STREAM)
  await assert.rejects(async () => {
    for await (const _ of stream);
  }, /too large/)
  await gone
})

test('a provider that breaks off in the middle does not look like one that is done', async () => {
  guarded.models.behave = (_asked, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' })
    res.write(chunk('once upon a '), () => res.destroy())
    return true
  }
  const seen: string[] = []
  const stream = await guarded.clients.openai.chat.completions.create(STREAM)
  await assert.rejects(async () => {
    for await (const { choices } of stream) seen.push(choices[0]?.delta.content ?? '')
  }, /broke off/)
  assert.equal(seen.join(''), 'once upon ')
})

test('ending the task ends its streams', async () => {
  const closed = await guarded.open('work')
  guarded.models.behave = (_asked, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' }).write(chunk('once '))
    return true
  }
  const stream = await closed.openai.chat.completions.create(STREAM)
  const ended = assert.rejects(async () => {
    for await (const _ of stream);
  }, /has ended/)
  await guarded.agent.closeTask(closed.task)
  await ended
})

test('a task says which providers it may ask, apart from its servers', async () => {
  const { servers, models } = await guarded.agent.openTask({ template: 'work' })
  assert.deepEqual([servers, models], [['files'], ['lab', 'loose']])
})

test('a provider that is taken out of the configuration is not asked any more', async () => {
  const file = join(guarded.gateway.dir, 'ostiary.yaml')
  const before = readFileSync(file, 'utf8')
  const config = JSON.parse(before) as { models: Record<string, { models: string[]; key: unknown }> }
  assert.equal((await ask(guarded.clients, 'openai-chat', false)).text, 'fine')
  ;(config.models.lab as { models: string[] }).models = ['m', 'newer']
  ;(config.models.lab as { apis?: string[] }).apis = ['openai-chat']
  writeFileSync(file, JSON.stringify(config))
  await guarded.gateway.control('POST', '/reload')
  assert.equal((await ask(guarded.clients, 'openai-chat', false)).text, 'fine')
  assert.equal(guarded.models.asked.at(-1)?.headers.authorization, `Bearer ${KEY}`)
  await assert.rejects(ask(guarded.clients, 'anthropic-messages', false), /MODEL_PATH_REFUSED/)
  await assert.rejects(ask(guarded.clients, 'openai-chat', false, { model: 'newer' }), /GRANT_MISSING/)
})
