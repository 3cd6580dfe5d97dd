import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import { promisify } from 'node:util'
import { Client as ClientV2 } from '@modelcontextprotocol/client'
import { StdioClientTransport as StdioV2 } from '@modelcontextprotocol/client/stdio'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport as StdioV1 } from '@modelcontextprotocol/sdk/client/stdio.js'
import { CreateMessageRequestSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import type { GuardedGateway } from '../support/gateway.ts'
import { startGuarded } from '../support/gateway.ts'

const official = (name: string) => resolve(`node_modules/@modelcontextprotocol/server-${name}/dist/index.js`)
const NODE = process.execPath

let gateway: GuardedGateway
let state: string
let notes: string

before(async () => {
  gateway = await startGuarded({ listen: { port: 0 } })
  notes = join(realpathSync(gateway.dir), 'notes')
  mkdirSync(notes)
  writeFileSync(join(notes, 'a.txt'), 'alpha')
  writeFileSync(
    join(gateway.dir, 'ostiary.yaml'),
    JSON.stringify({
      version: 1,
      flow: { mode: 'observe' },
      listen: { port: Number(new URL(gateway.url).port) },
      servers: {
        everything: {
          command: NODE,
          args: [official('everything'), 'stdio'],
          may_ask: ['sampling/createMessage', 'elicitation/create'],
        },
        files: { command: NODE, args: [official('filesystem'), notes] },
        memory: {
          command: NODE,
          args: [official('memory')],
          env: { MEMORY_FILE_PATH: join(gateway.dir, 'memory.json') },
        },
      },
      segments: { agents: { agents: ['*'] }, servers: { servers: ['*'] } },
      routes: [{ from: 'agents', to: 'servers' }],
      tasks: {
        everything: {
          purpose: 'Test',
          agents: ['*'],
          tools: { 'everything/*': {} },
          prompts: ['everything/*'],
          resources: [{ server: 'everything', uri: '*' }],
        },
        files: {
          purpose: 'Test',
          agents: ['*'],
          tools: { 'files/read_text_file': { path: { prefix: `${notes}/` } }, 'files/list_directory': {} },
        },
        memory: {
          purpose: 'Test',
          agents: ['*'],
          tools: { 'memory/create_entities': {}, 'memory/read_graph': {} },
        },
        all: {
          purpose: 'Test',
          agents: ['*'],
          tools: { 'everything/echo': {}, 'files/read_text_file': {}, 'memory/read_graph': {} },
          resources: [{ server: 'everything', uri: '*' }],
        },
      },
    }),
  )
  await gateway.control('POST', '/reload')
  for (const server of ['everything', 'files', 'memory']) await gateway.approveAll(server)
  state = await gateway.enrol('bot')
})

after(() => gateway?.[Symbol.asyncDispose]())

const bridge = (server: string | undefined, template: string) => ({
  command: NODE,
  args: gateway.connectArgs(server, template, state),
  stderr: 'ignore' as const,
})

const clients: ClientV1[] = []
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
})

async function v1(server: string | undefined, template: string, capabilities = {}): Promise<ClientV1> {
  const client = new ClientV1({ name: 'v1', version: '1.0.0' }, { capabilities })
  clients.push(client)
  await client.connect(new StdioV1(bridge(server, template)))
  return client
}

const text = (result: unknown) => (result as { content: { text: string }[] }).content[0]?.text ?? ''

test('server-everything through the gateway, official client v1: tools, progress, prompts, resources, completion', async () => {
  const client = await v1('everything', 'everything')
  const { tools } = await client.listTools()
  assert.ok(tools.length > 8)
  assert.equal(text(await client.callTool({ name: 'echo', arguments: { message: 'hi' } })), 'Echo: hi')
  const progress: number[] = []
  await client.callTool(
    { name: 'trigger-long-running-operation', arguments: { duration: 0.5, steps: 3 } },
    undefined,
    {
      onprogress: ({ progress: done }) => progress.push(done),
    },
  )
  // The client drops a notification that comes together with the answer, so the last step may be missing.
  assert.deepEqual(progress.slice(0, 2), [1, 2])
  const { prompts } = await client.listPrompts()
  assert.ok(prompts.some((prompt) => prompt.name === 'simple-prompt'))
  assert.ok((await client.getPrompt({ name: 'simple-prompt' })).messages.length > 0)
  const { resources } = await client.listResources()
  const [first] = resources
  assert.ok(first)
  assert.ok((await client.readResource({ uri: first.uri })).contents.length > 0)
  const completed = await client.complete({
    ref: { type: 'ref/prompt', name: 'completable-prompt' },
    argument: { name: 'department', value: 'E' },
  })
  assert.deepEqual(completed.completion.values, ['Engineering'])
  await client.close()
})

test('a server that was allowed to may ask the client: sampling and elicitation, and the answers find back', async () => {
  const connectAsking = async () => {
    const asking = await v1('everything', 'everything', { sampling: {}, elicitation: {} })
    asking.setRequestHandler(CreateMessageRequestSchema, () => ({
      model: 'test',
      role: 'assistant',
      content: { type: 'text', text: 'sampled answer' },
    }))
    asking.setRequestHandler(ElicitRequestSchema, () => ({ action: 'decline' }))
    return asking
  }
  // The server offers these tools only to clients that can be asked, so a person sees them after the first such client came.
  const first = await connectAsking()
  await first.listTools()
  await first.close()
  await gateway.control('POST', '/tools/everything/trigger-sampling-request/approve', { despite: true })
  await gateway.control('POST', '/tools/everything/trigger-elicitation-request/approve', { despite: true })
  const client = await connectAsking()
  const sampled = await client.callTool({
    name: 'trigger-sampling-request',
    arguments: { prompt: 'x', maxTokens: 10 },
  })
  assert.match(text(sampled), /sampled answer/)
  const elicited = await client.callTool({ name: 'trigger-elicitation-request', arguments: {} })
  assert.match(text(elicited), /declin/i)
  await client.close()
})

test('server-filesystem: reading inside the prefix is allowed, elsewhere denied, writing not even listed', async () => {
  const client = await v1('files', 'files')
  assert.deepEqual((await client.listTools()).tools.map((tool) => tool.name).sort(), [
    'list_directory',
    'read_text_file',
  ])
  assert.equal(
    text(await client.callTool({ name: 'read_text_file', arguments: { path: join(notes, 'a.txt') } })),
    'alpha',
  )
  const outside = await client.callTool({ name: 'read_text_file', arguments: { path: '/etc/passwd' } })
  assert.match(text(outside), /GRANT_CONSTRAINT/)
  const write = await client.callTool({
    name: 'write_file',
    arguments: { path: join(notes, 'b.txt'), content: 'x' },
  })
  assert.match(text(write), /GRANT_MISSING/)
  await client.close()
})

test('server-memory keeps what it was told', async () => {
  const client = await v1('memory', 'memory')
  await client.callTool({
    name: 'create_entities',
    arguments: { entities: [{ name: 'bed 4', entityType: 'place', observations: ['free'] }] },
  })
  assert.match(text(await client.callTool({ name: 'read_graph', arguments: {} })), /bed 4/)
  await client.close()
})

test('all servers behind one address, as far as the grant goes', async () => {
  const client = await v1(undefined, 'all')
  const names = (await client.listTools()).tools.map((tool) => tool.name).sort()
  assert.deepEqual(names, ['everything__echo', 'files__read_text_file', 'memory__read_graph'])
  assert.equal(
    text(await client.callTool({ name: 'everything__echo', arguments: { message: 'hi' } })),
    'Echo: hi',
  )
  assert.equal(
    text(await client.callTool({ name: 'files__read_text_file', arguments: { path: join(notes, 'a.txt') } })),
    'alpha',
  )
  const { resources } = await client.listResources()
  const [first] = resources
  assert.ok(first)
  assert.ok(first.uri.startsWith('everything+'))
  const { contents } = await client.readResource({ uri: first.uri })
  assert.equal(contents[0]?.uri, first.uri)
  await client.close()
})

test('official client v2 through the bridge', async () => {
  const client = new ClientV2({ name: 'v2', version: '2.0.0' })
  await client.connect(new StdioV2(bridge('everything', 'everything')))
  assert.equal(text(await client.callTool({ name: 'echo', arguments: { message: 'v2' } })), 'Echo: v2')
  await client.close()
})

test('the Inspector’s command line through the bridge', async () => {
  const inspector = resolve('node_modules/.bin/mcp-inspector')
  const { stdout } = await promisify(execFile)(
    NODE,
    [
      inspector,
      '--cli',
      NODE,
      ...gateway.connectArgs('everything', 'everything', state),
      '--method',
      'tools/call',
      '--tool-name',
      'echo',
      '--tool-arg',
      'message=inspected',
    ],
    { timeout: 60_000 },
  )
  assert.match(stdout, /Echo: inspected/)
})

test('when the client goes, its task has ended', async () => {
  const open = async () => (await gateway.control<{ tasks: { template: string }[] }>('GET', '/tasks')).tasks
  const client = await v1('memory', 'memory')
  assert.equal((await open()).length, 1)
  await client.close()
  assert.equal((await open()).length, 0)
})
