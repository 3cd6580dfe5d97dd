import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import type { GuardedGateway } from '../support/gateway.ts'
import { RawClient, startGuarded } from '../support/gateway.ts'
import { ToolServer } from '../support/tool-server.ts'

const tool = (name: string) => ({
  name,
  description: `Does ${name}.`,
  inputSchema: { type: 'object', properties: { text: { type: 'string' } } },
})

let one: ToolServer
let two: ToolServer
let three: ToolServer
let gateway: GuardedGateway
let client: RawClient

before(async () => {
  one = await ToolServer.start()
  two = await ToolServer.start()
  three = await ToolServer.start()
  one.tools = ['a', 'b', 'c', 'd', 'e'].map(tool)
  one.pageSize = 2
  two.tools = ['x', 'y'].map(tool)
  gateway = await startGuarded({
    servers: { one: { url: one.url }, two: { url: two.url }, three: { url: three.url } },
    tasks: {
      work: {
        purpose: 'Test',
        agents: ['*'],
        tools: { 'one/*': {}, 'two/x': { text: { max_len: 5 } } },
      },
    },
  })
  for (const server of ['one', 'two', 'three']) await gateway.approveAll(server)
  client = await RawClient.open(await gateway.enrol('bot'), 'work', '/mcp')
  await client.initialize()
})

after(async () => {
  await client?.[Symbol.asyncDispose]()
  await gateway?.[Symbol.asyncDispose]()
  for (const server of [one, two, three]) await server?.[Symbol.asyncDispose]()
})

async function listed(): Promise<string[]> {
  const names: string[] = []
  let cursor: string | undefined
  do {
    const { json } = await client.post({ method: 'tools/list', params: cursor ? { cursor } : {} })
    names.push(...json.result.tools.map((definition: { name: string }) => definition.name))
    cursor = json.result.nextCursor
  } while (cursor !== undefined)
  return names
}

test('all pages of all servers of the grant are listed, and nothing else', async () => {
  assert.deepEqual((await listed()).sort(), ['one__a', 'one__b', 'one__c', 'one__d', 'one__e', 'two__x'])
})

test('a cursor that the gateway did not make is refused', async () => {
  const { json } = await client.post({ method: 'tools/list', params: { cursor: '2' } })
  assert.equal(json.error.data.code, 'PARAMS_INVALID')
})

test('a call goes to the server that its name says, under the name that server knows', async () => {
  const answer = await client.call('one__e', { text: 'hello' })
  assert.equal(answer.json.result.content[0].text, 'hello')
  assert.equal(one.calls.at(-1)?.name, 'e')
})

test('attack: what an agent writes in place of a server is not written into the log at its length', async () => {
  const { code } = await client.call(`${'漢'.repeat(4000)}__read`)
  assert.equal(code, 'SERVER_UNKNOWN')
  const { size } = await gateway.control<{ size: number }>('GET', '/audit')
  const { entry } = await gateway.control<{ entry: { type: string; data: { server: string } } }>(
    'GET',
    `/audit/entries/${size - 1}`,
  )
  assert.equal(entry.type, 'call.denied')
  assert.equal(entry.data.server, '?')
})

test('constraints of the grant hold behind the common address too', async () => {
  assert.equal((await client.call('two__x', { text: 'far too long' })).code, 'GRANT_CONSTRAINT')
  assert.equal((await client.call('two__y', { text: 'x' })).code, 'GRANT_MISSING')
  assert.equal((await client.call('three__echo', { text: 'x' })).code, 'SESSION_UNKNOWN')
  assert.equal(two.calls.length + three.calls.length, 0)
})

test('a name that names no server is refused', async () => {
  for (const name of ['a', '__a', 'nowhere__a', 'one__', 'one__nothing']) {
    const { code } = await client.call(name)
    assert.ok(code !== undefined, name)
  }
})

test('an agent cannot replay a request that was made for several servers', async () => {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 5, method: 'tools/list', params: {} })
  const url = `${gateway.url}/mcp`
  const headers = {
    ...client.baseHeaders(),
    ...(await client.agent.authorize(client.task, { method: 'POST', url, body })),
  }
  const send = async () => await (await fetch(url, { method: 'POST', headers, body })).text()
  assert.match(await send(), /one__a/)
  const again = await send()
  assert.doesNotMatch(again, /one__a/)
  assert.match(again, /PROOF_REPLAYED/)
})

test('one server that is down does not take the others along', async () => {
  await gateway.control('POST', '/locks', { scope: 'server', target: 'two', why: 'test' })
  assert.deepEqual((await listed()).sort(), ['one__a', 'one__b', 'one__c', 'one__d', 'one__e'])
})

test('the official client works with all servers through `ostiary connect` without a server name', async () => {
  const official = new Client({ name: 'official', version: '1' })
  try {
    await official.connect(
      new StdioClientTransport({
        command: process.execPath,
        args: gateway.connectArgs(undefined, 'work', await gateway.enrol('bot')),
        stderr: 'ignore',
      }),
    )
    const { tools } = await official.listTools()
    assert.ok(tools.some(({ name }) => name === 'one__a'))
    const result = await official.callTool({ name: 'one__b', arguments: { text: 'hi' } })
    assert.deepEqual(result.content, [{ type: 'text', text: 'hi' }])
  } finally {
    await official.close()
  }
})
