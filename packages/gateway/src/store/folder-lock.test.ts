import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { FolderLocked, FolderNotPrivate, lockFolder } from './folder-lock.ts'

const dir = mkdtempSync(join(tmpdir(), 'ostiary-lock-'))
after(() => rmSync(dir, { recursive: true, force: true }))
const posix = process.platform === 'win32' ? 'POSIX file modes' : false

/** A second process that takes the lock and keeps it until it is killed. */
async function holdElsewhere(folder: string) {
  const script = `
    import { lockFolder } from ${JSON.stringify(new URL('./folder-lock.ts', import.meta.url).href)}
    globalThis.held = lockFolder(${JSON.stringify(folder)})
    setInterval(() => {}, 1000)
    console.log('held')`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  return child
}

test('a second gateway on a folder is refused and told which process has it; kill -9 gives it back', async () => {
  const folder = join(dir, 'shared')
  const child = await holdElsewhere(folder)
  assert.throws(
    () => lockFolder(folder),
    (error) => error instanceof FolderLocked && error.message.includes(`(process ${child.pid})`),
  )
  const gone = once(child, 'close')
  child.kill('SIGKILL')
  await gone
  using _held = lockFolder(folder)
})

test('a folder can be locked again once it was released', () => {
  const folder = join(dir, 'again')
  {
    using _first = lockFolder(folder)
    assert.throws(() => lockFolder(folder), FolderLocked)
  }
  using _second = lockFolder(folder)
})

test('a new data folder is private', { skip: posix }, () => {
  const folder = join(dir, 'new')
  using _held = lockFolder(folder)
  assert.equal(statSync(folder).mode & 0o777, 0o700)
})

for (const mode of [0o755, 0o710, 0o701, 0o770, 0o777]) {
  test(`a data folder of mode ${mode.toString(8)} is refused with the command that closes it`, {
    skip: posix,
  }, () => {
    const folder = join(dir, mode.toString(8))
    mkdirSync(folder)
    chmodSync(folder, mode)
    assert.throws(
      () => lockFolder(folder),
      (error) => error instanceof FolderNotPrivate && error.message.includes(`chmod 700 ${folder}`),
    )
  })
}

test('a damaged lock file is not taken for another gateway', () => {
  const folder = join(dir, 'damaged')
  mkdirSync(folder, { mode: 0o700 })
  writeFileSync(join(folder, 'lock'), 'x'.repeat(4096))
  assert.throws(
    () => lockFolder(folder),
    (error) =>
      error instanceof FolderLocked && /cannot be locked: file is not a database/.test(error.message),
  )
})
