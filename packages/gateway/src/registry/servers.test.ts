import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigSchema } from '../config/schema.ts'
import { launchDigest } from './servers.ts'
import { Bench, LEE, READ } from './testing.ts'

const servers = (value: Record<string, unknown>) => ConfigSchema.parse({ version: 1, servers: value }).servers
const digest = (value: Record<string, unknown>) => launchDigest(servers({ s: value }).s ?? assert.fail())

test('the launch digest covers program, arguments, folder and names, and no values', () => {
  const base = { command: 'npx', args: ['server'], env: { TOKEN: 'hunter2', A: 'b' } }
  assert.equal(digest(base), digest({ ...base, env: { A: 'c', TOKEN: { env: 'T' } } }))
  for (const change of [
    { command: 'sh' },
    { args: ['server', '--all'] },
    { cwd: '/srv' },
    { env: { TOKEN: 'x' } },
  ]) {
    assert.notEqual(digest(base), digest({ ...base, ...change }))
  }
  const web = { url: 'https://example.org/mcp', headers: { Authorization: 'Bearer hunter2' } }
  assert.equal(digest(web), digest({ ...web, headers: { authorization: { env: 'T' } } }))
  assert.notEqual(digest(web), digest({ ...web, url: 'https://example.com/mcp' }))
})

test('added, changed and removed servers are recorded, unchanged ones are not', async () => {
  await using bench = await Bench.open()
  await bench.registry.configure(servers({ files: { command: 'a' }, notes: { command: 'b' } }))
  await bench.registry.configure(servers({ files: { command: 'evil' }, notes: { command: 'b' } }))
  await bench.registry.configure(servers({ files: { command: 'evil' } }))
  assert.deepEqual(bench.logged(), ['server.added', 'server.added', 'server.changed', 'server.removed'])
})

test('removing a server forgets its proposals and keeps what was decided', async () => {
  await using bench = await Bench.open()
  await bench.registry.configure(servers({ files: { command: 'a' } }))
  await bench.see([READ, { ...READ, name: 'bad' }, { ...READ, name: 'new' }])
  await bench.registry.approve('files/read_file', LEE)
  await bench.registry.reject('files/bad', LEE)
  await bench.registry.configure({})
  assert.deepEqual(
    bench.registry.list().map(({ ref, status }) => `${ref} ${status}`),
    ['files/bad rejected', 'files/read_file approved'],
  )
})
