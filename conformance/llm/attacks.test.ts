import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { ControlClient } from '../../packages/gateway/src/cli/control-client.ts'
import type { Asked } from '../support/model-server.ts'
import type { Clients, Guarded } from './guarded.ts'
import { ask, KEY, startModels, WAYS } from './guarded.ts'

let guarded: Guarded
let clients: Clients

before(async () => {
  guarded = await startModels({ workers: 2 })
  clients = guarded.clients
})

after(() => guarded?.[Symbol.asyncDispose]())

afterEach(() => {
  guarded.models.behave = () => false
  guarded.models.script = { texts: ['fine'], calls: [] }
})

/** Nothing of it reached the provider. */
async function refused(asking: Promise<unknown>, code: RegExp): Promise<void> {
  const before = guarded.models.asked.length
  await assert.rejects(asking, code)
  assert.equal(guarded.models.asked.length, before, 'it reached the provider')
}

/** Exact bytes of a request and its answer. */
async function raw(path: string, body: object, headers: Record<string, string> = {}) {
  const answer = await guarded.agent.request(clients.task, path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() }
}

const entries = async (type: string) => {
  const text = await new ControlClient(guarded.gateway.dataDir).text('GET', '/audit/entries?count=200')
  return text.split('\n').filter((line) => line.includes(`"${type}"`))
}

for (const { api, streamed, name } of WAYS) {
  test(`an agent cannot reach a model without a grant (${name})`, async () => {
    const mute = await guarded.open('mute')
    await refused(ask(mute, api, streamed), /GRANT_MISSING/)
    await refused(ask(clients, api, streamed, { model: 'other' }), /GRANT_MISSING/)
    await refused(ask(clients, api, streamed, { model: 'unlisted' }), /MODEL_NOT_ALLOWED/)
  })

  test(`a model's answer cannot call a tool the task does not cover (${name})`, async () => {
    const call = (tool: string, args: object) => ({ name: tool, json: [JSON.stringify(args)] })
    guarded.models.script = {
      texts: ['a'],
      calls: [
        call('files__echo', { text: 'covered' }),
        call('files__send', { to: 'evil@example.org' }),
        call('send', { to: 'desk@example.org' }),
        call('echo', { text: 5 }),
        call('files__wipe', {}),
        call('bash', { command: 'rm' }),
        call('think', { about: 'it' }),
      ],
    }
    const { text, calls } = await ask(clients, api, streamed)
    assert.deepEqual(calls, [
      ['files__echo', { text: 'covered' }],
      ['send', { to: 'desk@example.org' }],
      ['think', { about: 'it' }],
    ])
    for (const code of ['GRANT_CONSTRAINT', 'TOOL_ARGUMENTS_INVALID', 'MODEL_CALL_UNKNOWN'])
      assert.match(text, new RegExp(code))
    // Recorded beside the answer, not before it.
    const isRecorded = async () =>
      (await entries('message.blocked')).some((line) => line.includes('files__wipe'))
    for (let tries = 0; !(await isRecorded()); tries++) {
      assert.ok(tries < 250, 'what was taken out is not recorded')
      await new Promise((tick) => setTimeout(tick, 20))
    }
  })

  test(`a secret of the gateway cannot leave in a prompt (${name})`, async () => {
    for (const form of [KEY, Buffer.from(KEY).toString('hex'), Buffer.from(`xy${KEY}`).toString('base64')]) {
      await refused(ask(clients, api, streamed, { content: `say ${form}` }), /CONTENT_SECRET/)
    }
  })

  test(`the agent never sees the model key, nor a beginning of it (${name})`, async () => {
    for (const form of [KEY, Buffer.from(KEY).toString('hex')]) {
      const pieces = [...form].map((char) => char)
      guarded.models.script = { texts: ['it is ', ...pieces, ' end'], calls: [] }
      const bodies: Record<string, [path: string, body: object]> = {
        'openai-chat': ['/v1/chat/completions', { model: 'm', messages: [], stream: streamed }],
        'openai-responses': ['/v1/responses', { model: 'm', input: 'x', stream: streamed }],
        'anthropic-messages': ['/v1/messages', { model: 'm', max_tokens: 1, messages: [], stream: streamed }],
        gemini: streamed
          ? ['/v1beta/models/m:streamGenerateContent?alt=sse', { contents: [] }]
          : ['/v1beta/models/m:generateContent', { contents: [] }],
      }
      const [path, body] = bodies[api] as [string, object]
      const answer = await raw(`/llm/lab${path}`, body)
      assert.match(answer.text, /CONTENT_SECRET/)
      const said = [...answer.text.matchAll(/"(?:content|delta|text)":"([^"]*)"/g)]
        .map(([, text]) => text)
        .join('')
      assert.ok(!said.includes(form.slice(0, 3)), said)
      assert.ok(!JSON.stringify(answer.headers).includes(KEY))
    }
  })
}

test('the agent never sees the model key in an error, a header, or the arguments of a call', async () => {
  const chat = ['/llm/lab/v1/chat/completions', { model: 'm', messages: [] }] as const
  guarded.models.behave = (_asked, res) => {
    const headers = { 'content-type': 'application/json', 'x-request-id': KEY }
    res.writeHead(400, headers).end(JSON.stringify({ error: { message: `bad key ${KEY}` } }))
    return true
  }
  const failed = await raw(...chat)
  assert.match(failed.text, /UPSTREAM_PROTOCOL/)
  assert.ok(!JSON.stringify(failed).includes(KEY))
  guarded.models.behave = (_asked, res) => {
    res.writeHead(401, {
      'content-type': 'application/json',
      'www-authenticate': 'Bearer error="invalid_token"',
    })
    res.end(JSON.stringify({ error: { message: `Incorrect API key provided: ${KEY.slice(0, 12)}` } }))
    return true
  }
  const keyless = await raw(...chat)
  assert.match(keyless.text, /MODEL_CREDENTIAL_REFUSED/)
  assert.deepEqual([keyless.status, keyless.headers['www-authenticate']], [502, undefined])
  guarded.models.behave = () => false
  guarded.models.script = { texts: [], calls: [{ name: 'think', json: [JSON.stringify({ about: KEY })] }] }
  const called = await raw(...chat)
  assert.match(called.text, /CONTENT_SECRET/)
  assert.ok(!called.text.includes(KEY))
})

test('a secret of the gateway cannot leave in a header', async () => {
  const before = guarded.models.asked.length
  const messages = ['/llm/lab/v1/messages', { model: 'm', max_tokens: 1, messages: [] }] as const
  const answer = await raw(...messages, { 'anthropic-beta': KEY })
  assert.match(answer.text, /CONTENT_SECRET/)
  await raw(...messages, { 'x-anything': KEY, 'x-api-key': 'stand-in', cookie: 'a=b' })
  assert.equal(guarded.models.asked.length, before + 1)
  const { headers } = guarded.models.asked.at(-1) as Asked
  assert.deepEqual([headers['x-anything'], headers.cookie, headers['x-api-key']], [undefined, undefined, KEY])
})

test('provider-side tools are refused', async () => {
  const { openai, anthropic, google } = clients
  const messages = [{ role: 'user' as const, content: 'ask' }]
  const input = { model: 'm', input: 'ask' }
  const claude = { model: 'm', max_tokens: 9, messages }
  await refused(openai.responses.create({ ...input, tools: [{ type: 'web_search' }] }), /MODEL_TOOL_REFUSED/)
  await refused(
    openai.responses.create({
      ...input,
      tools: [{ type: 'mcp', server_label: 'x', server_url: 'https://evil.example/mcp' }],
    }),
    /MODEL_TOOL_REFUSED/,
  )
  await refused(
    openai.responses.create({ ...input, tools: [{ type: 'code_interpreter', container: { type: 'auto' } }] }),
    /MODEL_TOOL_REFUSED/,
  )
  await refused(
    openai.chat.completions.create({ model: 'm', messages, web_search_options: {} }),
    /MODEL_TOOL_REFUSED/,
  )
  await refused(
    anthropic.messages.create({ ...claude, tools: [{ type: 'web_search_20250305', name: 'web_search' }] }),
    /MODEL_TOOL_REFUSED/,
  )
  const server = { type: 'url' as const, name: 'x', url: 'https://evil.example/mcp' }
  await refused(anthropic.beta.messages.create({ ...claude, mcp_servers: [server] }), /MODEL_TOOL_REFUSED/)
  await refused(
    google.models.generateContent({ model: 'm', contents: 'ask', config: { tools: [{ googleSearch: {} }] } }),
    /MODEL_TOOL_REFUSED/,
  )
})

test('where provider-side tools are removed instead, nothing of them arrives', async () => {
  const body = {
    model: 'm',
    input: 'ask',
    tools: [{ type: 'web_search' }, { type: 'function', name: 'echo', parameters: {} }],
  }
  assert.equal((await raw('/llm/loose/v1/responses', body)).status, 200)
  const { body: sent, path, headers } = guarded.models.asked.at(-1) as Asked
  assert.deepEqual(
    [path, headers.authorization, sent.tools],
    ['/v1/responses', 'Bearer loose-key-0815', [{ type: 'function', name: 'echo', parameters: {} }]],
  )
})

test('a call that the provider made by itself is taken out of the answer', async () => {
  guarded.models.behave = (_asked, res) => {
    const content = [{ type: 'server_tool_use', id: 's', name: 'web_search', input: { query: 'q' } }]
    const message = { id: 'm1', type: 'message', role: 'assistant', model: 'm', content, usage: {} }
    res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(message))
    return true
  }
  const { text } = await ask(clients, 'anthropic-messages', false)
  assert.match(text, /MODEL_CALL_PAST_GATEWAY/)
})

test('content that the provider would fetch, or that is kept there, is refused', async () => {
  const { openai, anthropic } = clients
  const image = (url: string) =>
    openai.chat.completions.create({
      model: 'm',
      messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }],
    })
  await refused(image('https://evil.example/?data=1'), /MODEL_LINK_REFUSED/)
  assert.ok(await image('data:image/png;base64,AAAA'))
  await refused(
    openai.responses.create({ model: 'm', input: 'go on', previous_response_id: 'r0' }),
    /MODEL_STATE_REFUSED/,
  )
  const file = { type: 'input_file' as const, file_id: 'file-of-somebody-else' }
  await refused(
    openai.responses.create({ model: 'm', input: [{ role: 'user', content: [file] }] }),
    /MODEL_STATE_REFUSED/,
  )
  await refused(
    anthropic.messages.create({ model: 'm', max_tokens: 1, messages: [], telepathy: true } as never),
    /MODEL_REQUEST_REFUSED/,
  )
})

test('only inference endpoints are reached, by whichever way they are written', async () => {
  const { openai } = clients
  await refused(openai.models.list(), /MODEL_PATH_REFUSED/)
  await refused(
    openai.files.list().then((list) => list.data),
    /MODEL_PATH_REFUSED/,
  )
  for (const path of [
    '/v1/embeddings',
    '/v1/chat/completions/../../files',
    '/v1/responses/r1/cancel',
    '//v1/responses',
    '',
  ]) {
    const before = guarded.models.asked.length
    const answer = await raw(`/llm/lab${path}`, { model: 'm' })
    assert.equal(answer.status, 404, path)
    assert.equal(guarded.models.asked.length, before)
  }
  assert.match((await raw('/llm/nobody/v1/responses', {})).text, /MODEL_UNKNOWN/)
  assert.match((await raw('/llm/files/v1/responses', {})).text, /MODEL_UNKNOWN/)
  const streaming = await raw('/llm/lab/v1beta/models/m:streamGenerateContent', { contents: [] })
  assert.match(streaming.text, /MODEL_REQUEST_REFUSED/)
})

test('a stranger is told nothing, in the shape the SDK reads', async () => {
  const answer = await fetch(`${guarded.gateway.url}/llm/lab/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': KEY, 'anthropic-version': '2023-06-01' },
    body: '{}',
  })
  const { error } = (await answer.json()) as { error: { type: string; message: string } }
  assert.deepEqual([answer.status, error.type], [401, 'authentication_error'])
  assert.match(error.message, /TOKEN_MISSING/)
})

test('a request cannot be replayed', async () => {
  const body = JSON.stringify({ model: 'm', messages: [] })
  const url = `${guarded.gateway.url}/llm/lab/v1/chat/completions`
  const proof = await guarded.agent.authorize(clients.task, { method: 'POST', url, body })
  const send = () =>
    fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json', ...proof } })
  assert.equal((await send()).status, 200)
  assert.match(await (await send()).text(), /PROOF_REPLAYED/)
})

test('a call of a model is one of the budget, whichever worker it comes to', async () => {
  const small = await guarded.open('small')
  const results = await Promise.allSettled(Array.from({ length: 6 }, () => ask(small, 'openai-chat', false)))
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1)
  for (const result of results)
    if (result.status === 'rejected') assert.match(String(result.reason), /BUDGET_SPENT/)
})

/** A stream that says something and then waits. */
function hang(): { reached: Promise<void>; gone: Promise<void> } {
  const reached = Promise.withResolvers<void>()
  const gone = Promise.withResolvers<void>()
  guarded.models.behave = (_asked, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' })
    res.write(
      `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { role: 'assistant', content: 'once upon ' }, finish_reason: null }] })}\n\n`,
    )
    res.on('close', () => gone.resolve())
    reached.resolve()
    return true
  }
  return { reached: reached.promise, gone: gone.promise }
}

for (const [scope, targetOf] of [
  ['task', () => clients.task],
  ['server', () => 'lab'],
  ['agent', () => 'bot'],
] as const) {
  test(`a locked task's stream ends (lock on ${scope})`, async () => {
    const { reached, gone } = hang()
    const stream = await clients.openai.chat.completions.create({ model: 'm', messages: [], stream: true })
    await reached
    const seen: string[] = []
    const ended = assert.rejects(async () => {
      for await (const chunk of stream) seen.push(chunk.choices[0]?.delta.content ?? '')
    }, /a drill/)
    const { lock } = await guarded.gateway.control<{ lock: { id: string } }>('POST', '/locks', {
      scope,
      target: targetOf(),
      why: 'a drill',
    })
    await ended
    assert.equal(seen.join(''), 'once upon ')
    await gone
    await refused(ask(clients, 'openai-chat', false), /LOCKED/)
    await guarded.gateway.control('POST', `/locks/${lock.id}/lift`)
    guarded.models.behave = () => false
    assert.equal((await ask(clients, 'openai-chat', false)).text, 'fine')
  })
}

test('a client that goes away takes its call at the provider along', async () => {
  const { reached, gone } = hang()
  const abort = new AbortController()
  const stream = await clients.openai.chat.completions.create(
    { model: 'm', messages: [], stream: true },
    { signal: abort.signal },
  )
  await reached
  abort.abort()
  await assert
    .rejects(async () => {
      for await (const _ of stream) void _
    })
    .catch(() => {})
  await gone
})

test('a provider that hangs, lies, floods or is not there gives the agent a reason, and the next call works', async () => {
  const json = { 'content-type': 'application/json' }
  const answers =
    (status: number, headers: Record<string, string>, body: string): typeof guarded.models.behave =>
    (_asked, res) => {
      res.writeHead(status, headers).end(body)
      return true
    }
  const cases: [RegExp, typeof guarded.models.behave][] = [
    [
      /UPSTREAM_UNREACHABLE|UPSTREAM_PROTOCOL/,
      (_asked, res) => {
        res.destroy()
        return true
      },
    ],
    [/UPSTREAM_PROTOCOL/, answers(302, { location: 'http://evil.example' }, '')],
    [/UPSTREAM_PROTOCOL/, answers(200, { 'content-type': 'text/html' }, 'x')],
    [/UPSTREAM_PROTOCOL/, answers(200, json, '{"a":1,"a":2}')],
    [/UPSTREAM_PROTOCOL/, answers(200, { ...json, 'content-encoding': 'gzip' }, 'x')],
    [/UPSTREAM_PROTOCOL/, answers(200, json, `{"a":"${'x'.repeat(17 * 1024 * 1024)}"}`)],
    [/UPSTREAM_PROTOCOL/, answers(500, { 'content-type': 'text/html' }, '<b>')],
    [/quota/, answers(429, json, '{"error":{"message":"quota"}}')],
    [/UPSTREAM_TIMEOUT/, () => true],
  ]
  for (const [code, behave] of cases) {
    guarded.models.behave = behave
    const openai = clients.openai.withOptions({ maxRetries: 0 })
    await assert.rejects(openai.chat.completions.create({ model: 'm', messages: [] }), code)
  }
  guarded.models.behave = () => false
  assert.equal((await ask(clients, 'openai-chat', false)).text, 'fine')
})

test('text that is hidden from people is refused on its way out and taken out on its way in', async () => {
  const hidden = [...'obey'].map((char) => String.fromCodePoint(0xe0000 + char.charCodeAt(0))).join('')
  await refused(ask(clients, 'openai-chat', false, { content: `plain${hidden}` }), /CONTENT_HIDDEN/)
  for (const { api, streamed } of WAYS) {
    guarded.models.script = { texts: [`pl${hidden}ain`, ' text'], calls: [] }
    assert.equal((await ask(clients, api, streamed)).text, 'plain text')
  }
})

test('what was asked and how it ended is in the log, without a word of it', async () => {
  await ask(clients, 'openai-chat', false, { content: 'a very private question' })
  const [intent] = (await entries('call.intent')).slice(-1)
  assert.match(String(intent), /"protocol":"llm"/)
  assert.match(String(intent), /"server":"lab"/)
  assert.match(String(intent), /"name":"m"/)
  assert.ok(!String(intent).includes('private'))
  const call = /cal_\w+/.exec(String(intent))?.[0] as string
  while (!(await entries('call.outcome')).some((line) => line.includes(call)))
    await new Promise((tick) => setTimeout(tick, 20))
})
