import { RawClient, startGuarded } from '../support/gateway.ts'

/**
 * What the official suite runs as a client: a gateway whose upstream is the suite's server, with the OAuth broker. The operator's part is
 * done here: to read which issuer the server names (RFC 9728) and to write it down, so that no server chooses later where a secret goes.
 */
interface Context {
  readonly client_id?: string
  readonly client_secret?: string
  readonly private_key_pem?: string
}

const target = new URL(process.argv.at(-1) ?? '')
const context = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? '{}') as Context
const path = `/.well-known/oauth-protected-resource${target.pathname}`
const { authorization_servers } = (await (await fetch(new URL(path, target))).json()) as {
  authorization_servers: string[]
}

const key = context.private_key_pem
const credential = {
  kind: 'oauth',
  issuer: authorization_servers[0],
  client_id: context.client_id ?? 'gateway',
  auth: key === undefined ? { secret: { env: 'UPSTREAM_SECRET' } } : { key: { env: 'UPSTREAM_SECRET' } },
  resource: target.href,
}
await using gateway = await startGuarded(
  {
    servers: { upstream: { url: target.href, credential } },
    tasks: { work: { purpose: 'Test', agents: ['*'], tools: { 'upstream/*': {} } } },
  },
  { UPSTREAM_SECRET: key ?? context.client_secret ?? 'none' },
)
await gateway.approveAll('upstream')
await using client = await RawClient.open(await gateway.enrol('tester'), 'work', '/mcp/upstream')
await client.initialize()
const { json } = await client.post({ method: 'tools/list', params: {} })
const [tool] = json.result.tools as { name: string }[]
const { code } = await client.call(tool?.name ?? '', {})
if (code !== undefined) throw new Error(`the call was refused: ${code}`)
