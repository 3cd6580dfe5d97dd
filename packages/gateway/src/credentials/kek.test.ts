import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { KekUnavailable, readKek } from './kek.ts'

const dir = mkdtempSync(join(tmpdir(), 'ostiary-kek-'))
const key = randomBytes(32)
const text = key.toString('base64')
after(() => rmSync(dir, { recursive: true, force: true }))

const read = (source: Parameters<typeof readKek>[0], env: NodeJS.ProcessEnv = {}) =>
  readKek(source, { dataDir: dir, env })
const node = (program: string) => ({ command: [process.execPath, '-e', program] as [string, ...string[]] })

test('the key comes from a private file of its own, the same at every start', async () => {
  assert.deepEqual(await read(undefined), await read(undefined))
})

test('the key comes from the environment, another private file, or a command', async () => {
  const file = join(dir, 'other')
  writeFileSync(file, `${text}\n`, { mode: 0o600 })
  for (const [source, env] of [
    [{ env: 'KEK' }, { KEK: text }],
    [{ file }, {}],
    [node(`console.log(${JSON.stringify(text)})`), {}],
  ] as const) {
    assert.deepEqual(await read(source, env), key)
  }
})

test('a key that is missing, short, readable by others or comes too late is refused, and never shown', async () => {
  const open = join(dir, 'open')
  writeFileSync(open, text, { mode: 0o644 })
  const short = randomBytes(16).toString('base64')
  for (const [source, env] of [
    [{ env: 'KEK' }, {}],
    [{ env: 'KEK' }, { KEK: short }],
    [{ file: join(dir, 'none') }, {}],
    [{ file: open }, {}],
    [node(`console.error(${JSON.stringify(text)}); process.exit(3)`), {}],
    [node(`console.log('x'.repeat(5000))`), {}],
    [{ command: [join(dir, 'no-such-program')] as [string] }, {}],
  ] as const) {
    await assert.rejects(read(source, env), (error: Error) => {
      assert.ok(error instanceof KekUnavailable || error.name === 'NotPrivate', error.stack)
      assert.ok(!error.message.includes(text) && !error.message.includes(short))
      return true
    })
  }
})

test('a command gets no shell', async () => {
  await assert.rejects(read({ command: ['echo $(id)'] }), KekUnavailable)
})
