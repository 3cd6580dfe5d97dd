import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { parse } from 'yaml'
import { ConfigSchema } from '../../config/schema.ts'
import { Secret } from '../../lib/secret.ts'
import type { Found } from './client-config.ts'
import { discover, plan } from './client-config.ts'
import type { ImportEnv } from './clients.ts'
import { locations } from './clients.ts'
import { ImportProblem } from './jsonc.ts'
import { looksSecret } from './looks-secret.ts'
import { addServers, toServerConfig } from './server-config.ts'

const ENV: ImportEnv = {
  home: '/home/lee',
  cwd: '/srv/ward',
  platform: 'linux',
  env: { WARD: 'b2', API_TOKEN: 'tok-live' },
}
// In two parts, so that no scanner takes it for a real one.
const SECRET = ['ghp', 'Zx81LkqP0sTv7wYb3NcD9eFgHj2MnRt4Uv6X'].join('_')

/** A variable as clients write it. */
const v = (inner: string) => `$\{${inner}}`

const file = (text: string, more: Partial<Found> = {}): Found => ({
  client: 'claude-desktop',
  file: '/c.json',
  realFile: '/c.json',
  member: 'mcpServers',
  workspace: undefined,
  problem: undefined,
  text,
  ...more,
})
const planOf = (servers: unknown, more: Partial<Found> = {}) =>
  plan([file(JSON.stringify({ [more.member ?? 'mcpServers']: servers }), more)], ENV)
const one = (entry: unknown, more: Partial<Found> = {}) => {
  const { servers, skipped } = planOf({ s: entry }, more)
  return servers[0] ?? assert.fail(skipped[0]?.why)
}
const why = (entry: unknown) => planOf({ s: entry }).skipped[0]?.why ?? assert.fail('it was planned')

test('each client is looked for where its platform keeps it', () => {
  const of = (env: Partial<ImportEnv>) => locations({ ...ENV, ...env }).map((location) => location.file)
  assert.deepEqual(of({}), [
    '/home/lee/.config/Claude/claude_desktop_config.json',
    '/srv/ward/.mcp.json',
    '/home/lee/.claude.json',
    '/home/lee/.cursor/mcp.json',
    '/srv/ward/.cursor/mcp.json',
    '/srv/ward/.vscode/mcp.json',
    '/home/lee/.config/Code/User/mcp.json',
  ])
  assert.equal(
    of({ platform: 'darwin' })[0],
    '/home/lee/Library/Application Support/Claude/claude_desktop_config.json',
  )
  const windows = of({ platform: 'win32', home: 'C:\\Users\\lee', env: { APPDATA: 'D:\\Data' } })
  assert.equal(windows[0], 'D:\\Data\\Claude\\claude_desktop_config.json')
})

test('files are found once, also through links; folders and broken files are reported', async () => {
  const root = await mkdtemp(join(tmpdir(), 'ostiary-import-'))
  try {
    const env: ImportEnv = { home: join(root, 'home'), cwd: join(root, 'home'), platform: 'linux', env: {} }
    const put = async (path: string, bytes: string | Uint8Array) => {
      await mkdir(dirname(join(env.home, path)), { recursive: true })
      await writeFile(join(env.home, path), bytes)
    }
    await put('dotfiles/mcp.json', '{"mcpServers":{"a":{"command":"x"}}}')
    await mkdir(join(env.home, '.cursor'))
    await symlink(join(env.home, 'dotfiles/mcp.json'), join(env.home, '.cursor/mcp.json'))
    await mkdir(join(env.home, '.mcp.json'))
    await put('.claude.json', Uint8Array.of(0x7b, 0xff, 0x7d))
    const found = await discover(env)
    assert.deepEqual(
      found.map(({ client, problem }) => [client, problem]),
      [
        ['claude-code', 'it is not a file'],
        ['claude-code', 'it is not UTF-8 text'],
        ['cursor', undefined],
      ],
    )
    assert.deepEqual(
      plan(found, env).servers.map(({ name }) => name),
      ['a'],
    )
  } finally {
    await rm(root, { recursive: true })
  }
})

test('comments, trailing commas, a byte order mark and CRLF are read', () => {
  const text =
    '\ufeff{\r\n  // ours\r\n  "mcpServers": { "a": { "command": "x", "args": ["y",], }, /* end */ },\r\n}\r\n'
  assert.deepEqual(plan([file(text)], ENV).servers[0]?.launch, {
    kind: 'stdio',
    command: 'x',
    args: ['y'],
    env: {},
    cwd: undefined,
  })
})

test('a key given twice is refused with its place, and nothing of the file is planned', () => {
  const { servers, skipped } = plan(
    [file('{"mcpServers":{"a":{"command":"x"},\n"a":{"command":"evil"}}}')],
    ENV,
  )
  assert.equal(servers.length, 0)
  assert.match(skipped[0]?.why ?? '', /"a" is given twice .* line 2, column 1/)
})

test('broken and endlessly nested files are reported, not thrown', () => {
  for (const text of ['{', '{"mcpServers": }', '['.repeat(200_000), 'null', '[]', '', '{"mcpServers":[]}']) {
    assert.equal(plan([file(text)], ENV).servers.length, 0, text.slice(0, 20))
  }
})

test('Claude Code: servers of every project are found and run in their folder', () => {
  const text = JSON.stringify({
    mcpServers: { top: { type: 'stdio', command: 'a' } },
    projects: { '/p/one': { mcpServers: { inner: { command: 'b' } } }, '/p/two': {} },
  })
  const { servers } = plan([file(text, { client: 'claude-code' })], ENV)
  assert.deepEqual(
    servers.map(({ pointer, launch }) => [pointer.join('|'), launch.kind === 'stdio' && launch.cwd]),
    [
      ['mcpServers|top', undefined],
      ['projects|/p/one|mcpServers|inner', '/p/one'],
    ],
  )
})

test('VS Code: servers, inputs and the workspace folder', () => {
  const { launch } = one(
    { type: 'stdio', command: 'x', args: [`${v('workspaceFolder')}/data`], env: { KEY: v('input:api-key') } },
    { client: 'vscode', member: 'servers', workspace: '/srv/ward' },
  )
  assert.deepEqual(launch, {
    kind: 'stdio',
    command: 'x',
    args: ['/srv/ward/data'],
    env: { KEY: { env: 'API_KEY' } },
    cwd: '/srv/ward',
  })
})

test('a variable alone stays a reference; a default is used when it is unset; inside a text it is filled in', () => {
  const { launch } = one({
    command: 'x',
    env: {
      A: v('env:API_TOKEN'),
      B: v('UNSET_ONE'),
      C: v('UNSET_ONE:-fallback'),
      D: `ward-${v('WARD')}`,
      E: v('WARD:-x'),
    },
  })
  assert.deepEqual(launch.kind === 'stdio' && launch.env, {
    A: { env: 'API_TOKEN' },
    B: { env: 'UNSET_ONE' },
    C: 'fallback',
    D: 'ward-b2',
    E: { env: 'WARD' },
  })
  assert.match(why({ command: 'x', env: { A: `x-${v('UNSET_ONE')}` } }), /UNSET_ONE, which is not set/)
  assert.match(why({ command: 'x', args: [v('UNSET_ONE')] }), /argument 1 needs the variable/)
})

test('a secret that comes in through a variable is not written out', () => {
  assert.match(why({ command: 'x', args: [v('API_TOKEN')] }), /argument 1 holds a secret/)
  assert.match(why({ command: 'x', args: [`x:${v('API_TOKEN')}`] }), /argument 1 holds a secret/)
  const { secrets } = one({ url: 'https://example.org/mcp', headers: { 'X-Ward': `k ${v('API_TOKEN')}` } })
  assert.equal(secrets[0]?.value.reveal(), 'k tok-live')
})

const SECRET_ARGS = [
  [`--api-key=${SECRET}`],
  ['--api-key=short'],
  ['--token', 'hunter2'],
  ['-e', 'GITHUB_TOKEN=hunter2'],
  ['--header', 'Authorization: Bearer hunter2'],
  ['--header', 'Authorization:Bearer hunter2'],
  ['Bearer hunter2'],
  [SECRET],
  ['postgres://ward:hunter2@db.example.org/ward'],
  ['https://example.org/?api_key=hunter2'],
]
for (const args of SECRET_ARGS) {
  test(`a secret in the arguments is found: ${args.join(' ').replace(SECRET, 'ghp_…')}`, () => {
    const reason = why({ command: 'x', args })
    assert.match(reason, /holds a secret/)
    assert.doesNotMatch(reason, /hunter2|ghp_|short/)
  })
}

test('ordinary arguments and settings are not taken for secrets', () => {
  const args = [
    '-y',
    '@modelcontextprotocol/server-filesystem@2026.8.31',
    '/home/lee/notes-2026-01',
    '--port=8080',
    'ghcr.io/github/github-mcp-server',
  ]
  one({ command: 'npx', args })
  for (const [name, value] of [
    ['GOOGLE_APPLICATION_CREDENTIALS', '/srv/key.json'],
    ['AUTHOR', 'Dr. Lee'],
    ['AUTH_ENABLED', 'true'],
    ['URL', 'https://example.org/a/b?page=1'],
    ['REGION', 'eu-central-1'],
    ['TOKEN', ''],
  ] as const) {
    assert.equal(looksSecret(name, value), false, name)
  }
})

test('what cannot be taken over is skipped with the reason', () => {
  assert.match(why({ type: 'sse', url: 'https://example.org/sse' }), /HTTP\+SSE/)
  assert.match(why({ command: 'x', envFile: '.env' }), /envFile/)
  assert.match(why({ url: 'https://example.org', headersHelper: 'sh' }), /headersHelper/)
  assert.match(why({ url: 'file:///etc/passwd' }), /not an http/)
  assert.match(why({ url: 'https://u:hunter2@example.org' }), /url holds a secret/)
  assert.match(why({ command: 'x', disabled: true }), /disabled/)
  assert.match(why({ command: 'x', args: 'y' }), /not a list/)
  assert.match(why({}), /neither/)
  assert.match(why({ command: '/opt/bin/ostiary', args: ['connect', 'files'] }), /already/)
  assert.match(why({ command: 'node', args: ['/opt/ostiary/bin/ostiary.js', 'connect', 'x'] }), /already/)
})

test('names become names of ostiary.yaml, and collisions get a number', () => {
  const { servers } = planOf({
    'My Files!': { command: 'a' },
    my_files: { command: 'b' },
    Ärzte: { command: 'c' },
    日本: { command: 'd' },
    [`${'x'.repeat(60)}`]: { command: 'e' },
  })
  assert.deepEqual(
    servers.map(({ name }) => name),
    ['my-files', 'my-files-2', 'a-rzte', 'server', 'x'.repeat(40)],
  )
  const [first] = plan([file('{"mcpServers":{"files":{"command":"a"}}}')], ENV, ['files']).servers
  assert.equal(first?.name, 'files-2')
})

test('the same server in two clients is one server', () => {
  const text = '{"mcpServers":{"files":{"command":"a"}}}'
  const { servers } = plan([file(text), file(text, { client: 'cursor', file: '/d.json' })], ENV)
  assert.deepEqual(
    servers.map(({ name, client }) => [name, client]),
    [
      ['files', 'claude-desktop'],
      ['files', 'cursor'],
    ],
  )
})

test('secrets appear in no output of the plan and in nothing written to ostiary.yaml', () => {
  const planned = planOf({
    hub: { command: 'x', env: { GITHUB_TOKEN: SECRET, DB: 'postgres://u:hunter2@h/d', LEVEL: 'info' } },
    web: { url: 'https://example.org/mcp', headers: { Authorization: 'Bearer hunter2' } },
  })
  for (const output of [
    JSON.stringify(planned),
    inspect(planned, { depth: 9 }),
    `${planned.servers[0]?.secrets[0]?.value}`,
  ]) {
    assert.doesNotMatch(output, /ghp_|hunter2/)
  }
  const [hub, web] = planned.servers
  assert.deepEqual(
    hub?.secrets.map(({ field, suggestedName }) => [field, suggestedName]),
    [
      ['env.GITHUB_TOKEN', 'hub.GITHUB_TOKEN'],
      ['env.DB', 'hub.DB'],
    ],
  )
  const entries = Object.fromEntries(
    planned.servers.map((server) => [
      server.name,
      toServerConfig(
        server,
        new Map(server.secrets.map(({ field, suggestedName }) => [field, suggestedName])),
      ),
    ]),
  )
  const yaml = addServers('version: 1 # ward\n\n# before\nservers: {} # none yet\ntasks: {}\n', entries)
  assert.doesNotMatch(yaml, /ghp_|hunter2/)
  assert.match(yaml, /version: 1 # ward\n\n# before\n/)
  const { servers } = ConfigSchema.parse(parse(yaml))
  assert.deepEqual(servers.hub, ConfigSchema.parse({ version: 1, servers: { hub: entries.hub } }).servers.hub)
  assert.deepEqual(web?.secrets[0]?.value.reveal(), 'Bearer hunter2')
})

test('a secret without a sealed name is never written instead', () => {
  const planned = one({ command: 'x', env: { TOKEN: 'hunter2' } })
  assert.throws(() => toServerConfig(planned, new Map()), /not sealed/)
})

test('servers are added to ostiary.yaml with and without a servers section; a taken name is refused', () => {
  const added = (text: string) => parse(addServers(text, { a: { command: 'x' } })).servers.a
  for (const text of [
    'version: 1\n',
    'version: 1\nservers:\n',
    'servers:\n  # mine\n  b:\n    command: y\n',
    '',
  ]) {
    assert.deepEqual(added(text), { command: 'x' })
  }
  for (const text of ['servers:\n  a: {command: y}\n', 'servers: [1]\n', '- 1\n', 'a: [\n', 'a: 1\na: 2\n']) {
    assert.throws(() => added(text), ImportProblem, text)
  }
})

test('a secret wrapper gives its value only when asked', () => {
  const secret = new Secret('hunter2')
  assert.equal(`${secret} ${JSON.stringify({ secret })} ${inspect({ secret })}`.includes('hunter2'), false)
  assert.equal(secret.reveal(), 'hunter2')
})
