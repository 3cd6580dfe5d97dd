import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { mirrorStoreContract } from './contract.ts'
import { directoryStore } from './directory.ts'
import { MirrorContradicts, MirrorFailed } from './store.ts'

function folder() {
  const dir = mkdtempSync(join(tmpdir(), 'ostiary-mirror-'))
  return {
    dir,
    store: directoryStore(dir, 'ostiary.local/1'),
    async [Symbol.asyncDispose]() {
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

mirrorStoreContract('a folder', async () => folder())

test('a folder that is not mounted is not made: the copy would be on the same disk', async () => {
  await using made = folder()
  rmSync(made.dir, { recursive: true })
  await assert.rejects(made.store.put('checkpoint', Buffer.from('x'), 'head'), MirrorFailed)
  await assert.rejects(made.store.get('checkpoint'), MirrorFailed, 'nor is it taken for an empty one')
  assert.equal(statSync(made.dir, { throwIfNoEntry: false }), undefined)
})

test('what a kill left half written is no file of the mirror, and is gone after the next start', async () => {
  await using made = folder()
  await made.store.put('tile/0/000', Buffer.from('x'), 'kept')
  const unfinished = join(made.dir, 'ostiary.local/1/unfinished')
  writeFileSync(join(unfinished, 'half'), 'ha')
  await directoryStore(made.dir, 'ostiary.local/1').put('tile/0/001', Buffer.from('half'), 'kept')
  assert.deepEqual(readdirSync(unfinished), [])
  assert.deepEqual(readdirSync(join(made.dir, 'ostiary.local/1/tile/0')), ['000', '001'])
})

test('what is kept can be written by nobody and read by this account alone', async () => {
  await using made = folder()
  await made.store.put('tile/0/000', Buffer.from('x'), 'kept')
  assert.equal(statSync(join(made.dir, 'ostiary.local/1/tile/0/000')).mode & 0o777, 0o400)
  assert.equal(statSync(join(made.dir, 'ostiary.local/1/tile')).mode & 0o777, 0o700)
})

test('links that whoever owns the other end put in the way are not followed: a log is no copy of itself', {
  skip: process.platform === 'win32',
}, async () => {
  await using made = folder()
  await using live = folder()
  await live.store.put('tile/0/000', Buffer.from('the log'), 'kept')
  const mirror = join(made.dir, 'ostiary.local/1')
  const log = join(live.dir, 'ostiary.local/1')
  const attacks = [
    () => symlinkSync(log, mirror),
    () => symlinkSync(join(log, 'tile'), join(mirror, 'tile')),
    () => symlinkSync(join(log, 'tile/0/000'), join(mirror, 'tile/0/000')),
  ]
  for (const [depth, attack] of attacks.entries()) {
    rmSync(mirror, { recursive: true, force: true })
    mkdirSync(join(mirror, ['..', '.', 'tile/0'][depth] as string), { recursive: true })
    attack()
    const failed = (error: Error) => error instanceof MirrorContradicts || error instanceof MirrorFailed
    await assert.rejects(made.store.get('tile/0/000'), failed)
    await assert.rejects(made.store.put('tile/0/000', Buffer.from('the log'), 'kept'), failed)
    if (depth < 2) await assert.rejects(made.store.discard('tile/0/000'), failed)
  }
  assert.equal(String(await live.store.get('tile/0/000')), 'the log')
})

test('what never ends in the place of a file is not waited for', {
  skip: process.platform === 'win32',
}, async () => {
  await using made = folder()
  await made.store.put('tile/0/000', Buffer.from('x'), 'kept')
  spawnSync('mkfifo', [join(made.dir, 'ostiary.local/1/checkpoint')])
  await assert.rejects(made.store.get('checkpoint'), MirrorContradicts)
  const giant = join(made.dir, 'ostiary.local/1/vkey')
  writeFileSync(giant, '')
  truncateSync(giant, 2 ** 36)
  await assert.rejects(made.store.get('vkey'), MirrorContradicts)
})
