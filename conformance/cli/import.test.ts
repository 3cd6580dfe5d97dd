import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import type { GuardedGateway } from '../support/gateway.ts'
import { BIN, startGuarded } from '../support/gateway.ts'

const SECRET = 'ghp_Zk3v9QxT7bLm2NcR8sYw5Hd1'
let gateway: GuardedGateway
let home: string
let original: string

before(async () => {
  gateway = await startGuarded({})
  home = join(gateway.dir, 'home')
  mkdirSync(home)
  const server = join(
    import.meta.dirname,
    '../../node_modules/@modelcontextprotocol/server-everything/dist/index.js',
  )
  original = `{
  // servers I use
  "mcpServers": {
    "Every Thing": { "command": ${JSON.stringify(process.execPath)}, "args": [${JSON.stringify(server)}, "stdio"], "env": { "GITHUB_TOKEN": "${SECRET}" } }
  }
}\n`
  writeFileSync(join(home, '.mcp.json'), original)
})

after(() => gateway?.[Symbol.asyncDispose]())

const ostiary = (...args: string[]) =>
  spawnSync(process.execPath, [BIN, '--config', join(gateway.dir, 'ostiary.yaml'), ...args], {
    cwd: home,
    env: { ...process.env, HOME: home },
    encoding: 'utf8',
    timeout: 60_000,
  })

test('an import shows exactly what it will run and seal, and a dry run changes nothing', () => {
  const { stdout, status } = ostiary('import', '--dry-run')
  assert.equal(status, 0)
  assert.match(stdout, /every-thing.*claude-code/)
  assert.match(stdout, /server-everything\/dist\/index\.js stdio/)
  assert.match(stdout, /seals\s+env\.GITHUB_TOKEN/)
  assert.ok(!stdout.includes(SECRET))
  assert.equal(readFileSync(join(home, '.mcp.json'), 'utf8'), original)
})

test('without a person to ask, nothing is done', () => {
  const { status } = ostiary('import')
  assert.equal(status, 2)
  assert.equal(readFileSync(join(home, '.mcp.json'), 'utf8'), original)
})

test('after the import the client works through the gateway, and its secret is sealed', async () => {
  const done = ostiary('import', '--yes')
  assert.equal(done.status, 0, done.stderr)
  const rewritten = readFileSync(join(home, '.mcp.json'), 'utf8')
  assert.ok(!rewritten.includes(SECRET), 'the secret is still in the client’s file')
  assert.ok(!readFileSync(join(gateway.dir, 'ostiary.yaml'), 'utf8').includes(SECRET))
  assert.ok(rewritten.includes('// servers I use'))
  assert.equal(ostiary('tool', 'refresh', 'every-thing').status, 0)
  assert.equal(ostiary('tool', 'approve', 'every-thing/*').status, 0)
  const entry = (
    JSON.parse(rewritten.replace(/^\s*\/\/.*$/m, '')) as {
      mcpServers: Record<string, { command: string; args: string[] }>
    }
  ).mcpServers['Every Thing']
  assert.ok(entry)
  const client = new Client({ name: 'imported', version: '1.0.0' })
  await client.connect(new StdioClientTransport({ ...entry, stderr: 'ignore' }))
  const answer = await client.callTool({ name: 'get-env', arguments: {} })
  // The server got the sealed secret; it may not hand it to the agent.
  assert.equal(
    (answer._meta?.['io.ostiary/decision'] as { code: string } | undefined)?.code ??
      (answer as { isError?: boolean }).isError,
    'CONTENT_SECRET',
  )
  const echo = await client.callTool({ name: 'echo', arguments: { message: 'hi' } })
  assert.deepEqual(echo.content, [{ type: 'text', text: 'Echo: hi' }])
  await client.close()
})

test('undo puts the client’s file back byte for byte', () => {
  const { status, stdout } = ostiary('import', '--undo')
  assert.equal(status, 0, stdout)
  assert.equal(readFileSync(join(home, '.mcp.json'), 'utf8'), original)
})
