import Anthropic from '@anthropic-ai/sdk'
import { GoogleGenAI } from '@google/genai'
import OpenAI from 'openai'
import { Agent } from '../../packages/agent/src/index.ts'
import type { GuardedGateway } from '../support/gateway.ts'
import { startGuarded } from '../support/gateway.ts'
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

export async function startModels(more: object = {}, settings: object = {}): Promise<Guarded> {
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
          local_tools: ['think'],
          timeout: '3s',
          ...settings,
        },
      },
      tasks: {
        work: {
          purpose: 'Test',
          agents: ['*'],
          tools: { 'files/echo': {}, 'files/send': { to: { prefix: 'desk@' } } },
          models: ['lab/m'],
        },
        mute: { purpose: 'Test', agents: ['*'], tools: { 'files/echo': {} } },
        small: { purpose: 'Test', agents: ['*'], models: ['lab'], budget: { calls: 1 } },
      },
      ...more,
    },
    { LAB_KEY: KEY },
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
