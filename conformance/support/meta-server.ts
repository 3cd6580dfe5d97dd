import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'

/** An MCP server over stdio that says what came beside a call. */
const server = new McpServer({ name: 'meta', version: '1.0.0' })
server.registerTool(
  'meta',
  { description: 'What came beside this call.', annotations: { readOnlyHint: true } },
  async ({ _meta }) => ({ content: [{ type: 'text', text: JSON.stringify(_meta ?? {}) }] }),
)
await server.connect(new StdioServerTransport())
