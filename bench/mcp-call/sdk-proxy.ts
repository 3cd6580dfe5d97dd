import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js'

// A proxy as one writes it with the official SDK, checking nothing: one session, JSON answers (the SDK's cheapest mode), no Express.
const upstream = new Client({ name: 'proxy', version: '1' })
await upstream.connect(new StreamableHTTPClientTransport(new URL(process.argv[2] as string)))

const proxy = new Server({ name: 'proxy', version: '1' }, { capabilities: { tools: {} } })
proxy.setRequestHandler(ListToolsRequestSchema, ({ params }) => upstream.listTools(params))
proxy.setRequestHandler(CallToolRequestSchema, ({ params }) => upstream.callTool(params))
const transport = new StreamableHTTPServerTransport({
  sessionIdGenerator: randomUUID,
  enableJsonResponse: true,
})
await proxy.connect(transport)

const server = createServer((req, res) => {
  transport.handleRequest(req, res).catch((error: unknown) => {
    console.error(error)
    res.destroy()
  })
})
server.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp` }))
})
