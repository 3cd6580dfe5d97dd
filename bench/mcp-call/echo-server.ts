import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

// The upstream: the least an MCP server can do, so that what is measured is what stands before it.
const ECHO = {
  name: 'echo',
  description: 'Returns its text.',
  inputSchema: {
    type: 'object',
    properties: { text: { type: 'string', maxLength: 100_000 } },
    required: ['text'],
    additionalProperties: false,
  },
}

function answer(method: string, params: { arguments?: { text?: string } } | undefined): object | undefined {
  if (method === 'initialize') {
    return {
      protocolVersion: '2025-11-25',
      capabilities: { tools: {} },
      serverInfo: { name: 'echo', version: '1' },
    }
  }
  if (method === 'tools/list') return { tools: [ECHO] }
  if (method === 'tools/call') return { content: [{ type: 'text', text: params?.arguments?.text ?? '' }] }
  return undefined
}

const server = createServer((req, res) => {
  if (req.method !== 'POST') return void res.writeHead(405).end()
  const chunks: Buffer[] = []
  req.on('data', (chunk: Buffer) => chunks.push(chunk))
  req.on('end', () => {
    const { id, method, params } = JSON.parse(Buffer.concat(chunks).toString())
    if (id === undefined) return void res.writeHead(202).end()
    const result = answer(method, params)
    const error = result ? undefined : { code: -32601, message: 'Method not found' }
    res
      .writeHead(200, {
        'content-type': 'application/json',
        ...(method === 'initialize' ? { 'mcp-session-id': 'only-session' } : {}),
      })
      .end(JSON.stringify({ jsonrpc: '2.0', id, result, error }))
  })
})
server.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp` }))
})
