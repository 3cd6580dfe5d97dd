import Anthropic from '@anthropic-ai/sdk'
import type { GenerateContentResponse } from '@google/genai'
import { GoogleGenAI } from '@google/genai'
import OpenAI from 'openai'
import { Agent } from '../../packages/agent/src/index.ts'
import type { GuardedGateway } from '../support/gateway.ts'
import { startGuarded } from '../support/gateway.ts'
import type { Api } from '../support/model-server.ts'
import { ModelServer } from '../support/model-server.ts'
import { ToolServer } from '../support/tool-server.ts'

/** The key of the provider, which no agent may see. */
export const KEY = 'sk-harbour-lamp-2291-Qm7'

/** A gateway with a provider that speaks every API, a server with tools, and an agent with a task for both. */
export interface Guarded extends AsyncDisposable {
  readonly gateway: GuardedGateway
  readonly models: ModelServer
  readonly tools: ToolServer
  readonly agent: Agent
  readonly task: string
  open(template: string): Promise<Clients>
  readonly clients: Clients
}

/** Official clients of one task, told nothing but the gateway's address, a stand-in for a key, and how to send. */
export interface Clients {
  readonly task: string
  readonly openai: OpenAI
  readonly anthropic: Anthropic
  readonly google: GoogleGenAI
}

export async function startModels(more: object = {}): Promise<Guarded> {
  const models = await ModelServer.start()
  const tools = await ToolServer.start()
  tools.tools.push({
    name: 'send',
    description: 'Send.',
    inputSchema: { type: 'object', properties: { to: { type: 'string' } }, required: ['to'] },
  })
  const gateway = await startGuarded(
    {
      segments: { agents: { agents: ['*'] }, servers: { servers: ['*'], models: ['*'] } },
      servers: { files: { url: tools.url } },
      models: {
        lab: {
          apis: ['openai-chat', 'openai-responses', 'anthropic-messages', 'gemini'],
          url: models.url,
          key: { env: 'LAB_KEY' },
          models: ['m', 'other'],
          timeout: '3s',
        },
        loose: {
          apis: ['openai-responses'],
          url: `${models.url}/v1`,
          headers: { Authorization: { env: 'LOOSE_KEY' } },
          models: ['*'],
          provider_tools: 'remove',
        },
      },
      tasks: {
        work: {
          purpose: 'Test',
          agents: ['*'],
          tools: { 'files/echo': {}, 'files/send': { to: { prefix: 'desk@' } } },
          models: ['lab/m', 'loose'],
          local_tools: ['think'],
        },
        mute: { purpose: 'Test', agents: ['*'], tools: { 'files/echo': {} } },
        small: { purpose: 'Test', agents: ['*'], models: ['lab'], budget: { calls: 1 } },
      },
      ...more,
    },
    { LAB_KEY: KEY, LOOSE_KEY: 'Bearer loose-key-0815' },
  )
  await gateway.approveAll('files')
  const agent = new Agent({ stateDir: await gateway.enrol('bot') })
  const open = async (template: string): Promise<Clients> =>
    clientsOf(gateway.url, agent, (await agent.openTask({ template })).task.id)
  const clients = await open('work')
  return {
    gateway,
    models,
    tools,
    agent,
    task: clients.task,
    open,
    clients,
    async [Symbol.asyncDispose]() {
      await agent[Symbol.asyncDispose]()
      await gateway[Symbol.asyncDispose]()
      await models[Symbol.asyncDispose]()
      await tools[Symbol.asyncDispose]()
    },
  }
}

/** What an SDK understood of one answer. */
export interface Understood {
  readonly text: string
  readonly calls: readonly (readonly [name: string, args: unknown])[]
}

/** Asks in one of the ways, with the SDK for it. */
export async function ask(
  { openai, anthropic, google }: Clients,
  api: Api,
  streamed: boolean,
  { content = 'ask', model = 'm' }: { content?: string; model?: string } = {},
): Promise<Understood> {
  const messages = [{ role: 'user' as const, content }]
  if (api === 'openai-chat') {
    const { choices } = streamed
      ? await openai.chat.completions.stream({ model, messages }).finalChatCompletion()
      : await openai.chat.completions.create({ model, messages })
    const { message } = choices[0] as (typeof choices)[number]
    const calls = (message.tool_calls ?? []).flatMap((call) =>
      call.type === 'function' ? [[call.function.name, JSON.parse(call.function.arguments)] as const] : [],
    )
    return { text: message.content ?? '', calls }
  }
  if (api === 'openai-responses') {
    const { output, output_text } = streamed
      ? await openai.responses.stream({ model, input: content }).finalResponse()
      : await openai.responses.create({ model, input: content })
    const calls = output.flatMap((item) =>
      item.type === 'function_call' ? [[item.name, JSON.parse(item.arguments)] as const] : [],
    )
    return { text: output_text, calls }
  }
  if (api === 'anthropic-messages') {
    const request = { model, max_tokens: 9, messages }
    const message = streamed
      ? await anthropic.messages.stream(request).finalMessage()
      : await anthropic.messages.create(request)
    return {
      text: message.content.map((block) => (block.type === 'text' ? block.text : '')).join(''),
      calls: message.content.flatMap((block) =>
        block.type === 'tool_use' ? [[block.name, block.input] as const] : [],
      ),
    }
  }
  const request = { model, contents: content }
  const chunks: GenerateContentResponse[] = []
  if (streamed)
    for await (const chunk of await google.models.generateContentStream(request)) chunks.push(chunk)
  else chunks.push(await google.models.generateContent(request))
  const parts = chunks.flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? [])
  return {
    text: parts.map((part) => part.text ?? '').join(''),
    calls: parts.flatMap(({ functionCall }) =>
      functionCall ? [[functionCall.name ?? '', functionCall.args] as const] : [],
    ),
  }
}

export const WAYS = (['openai-chat', 'openai-responses', 'anthropic-messages', 'gemini'] as const).flatMap(
  (api) => [
    { api, streamed: false, name: api },
    { api, streamed: true, name: `${api}, streamed` },
  ],
)

function clientsOf(gateway: string, agent: Agent, task: string): Clients {
  const fetch = ((input: string | URL, init?: RequestInit) =>
    agent.fetch(task, input, init)) as typeof globalThis.fetch
  const base = `${gateway}/llm/lab`
  return {
    task,
    openai: new OpenAI({ apiKey: 'stand-in', baseURL: `${base}/v1`, fetch }),
    anthropic: new Anthropic({ apiKey: 'stand-in', baseURL: base, fetch }),
    google: new GoogleGenAI({ apiKey: 'stand-in', httpOptions: { baseUrl: base, fetch } }),
  }
}
