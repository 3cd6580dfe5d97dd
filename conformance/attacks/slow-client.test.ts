import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { after, before, test } from 'node:test'
import type { GuardedGateway } from '../support/gateway.ts'
import { RawClient, startGuarded } from '../support/gateway.ts'
import { ToolServer } from '../support/tool-server.ts'

const EVENT = `data: ${JSON.stringify({
  jsonrpc: '2.0',
  method: 'notifications/message',
  params: { level: 'info', data: 'x'.repeat(60_000) },
})}\n\n`
const EVENTS = 3000

let tools: ToolServer
let gateway: GuardedGateway
let client: RawClient

before(async () => {
  tools = await ToolServer.start()
  gateway = await startGuarded({
    servers: { files: { url: tools.url } },
    tasks: { work: { purpose: 'Test', agents: ['*'], tools: { 'files/echo': {} } } },
  })
  await gateway.approveAll('files')
  client = await RawClient.open(await gateway.enrol('bot'), 'work', '/mcp/files')
  await client.initialize()
})

after(async () => {
  await client?.[Symbol.asyncDispose]()
  await gateway?.[Symbol.asyncDispose]()
  await tools?.[Symbol.asyncDispose]()
})

async function memoryMb(): Promise<number> {
  const { pid } = await gateway.control<{ pid: number }>('GET', '/status')
  const kb = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kb) / 1000
}

test('a client that does not read holds back its server, and fills no memory', {
  skip: process.platform !== 'linux',
}, async () => {
  let sent = 0
  const stalled = Promise.withResolvers<void>()
  tools.behave = (_name, _args, res, id) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' })
    const more = () => {
      while (sent < EVENTS) {
        sent++
        if (!res.write(EVENT)) return void res.once('drain', more)
      }
      res.end(`data: ${JSON.stringify({ jsonrpc: '2.0', id, result: { content: [] } })}\n\n`)
    }
    more()
    return undefined
  }
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 3,
    method: 'tools/call',
    params: { name: 'echo', arguments: {} },
  })
  const url = `${gateway.url}/mcp/files`
  const headers = {
    ...client.baseHeaders(),
    ...(await client.agent.authorize(client.task, { method: 'POST', url, body })),
  }
  const before = await memoryMb()
  const req = request(url, { method: 'POST', headers })
  req.end(body)
  const [res] = await once(req, 'response')
  // Nothing is read: the server must come to a stand, wherever the buffers between it and the client are full.
  let last = -1
  const watch = setInterval(() => {
    if (sent === last) stalled.resolve()
    last = sent
  }, 300)
  await stalled.promise
  clearInterval(watch)
  assert.ok(sent < EVENTS, 'the server was never held back')
  const grown = (await memoryMb()) - before
  assert.ok(grown < 60, `memory grew by ${grown} MB of the ${(EVENTS * EVENT.length) / 1e6} MB on their way`)

  // Others are served meanwhile.
  const other = await RawClient.open(await gateway.enrol('bot'), 'work', '/mcp/files')
  assert.equal((await other.post({ method: 'ping' })).status, 200)
  await other[Symbol.asyncDispose]()

  let text = 0
  res.on('data', (chunk: Buffer) => {
    text += chunk.length
  })
  await once(res, 'end')
  assert.ok(text > EVENTS * 60_000, 'something was lost once it read again')
})
