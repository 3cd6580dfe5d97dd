import assert from 'node:assert/strict'
import { chmodSync, cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ReadFile } from '@ostiary/evidence'
import { verifyLog } from '@ostiary/evidence'
import type { Recorder } from '../../model/evidence.ts'
import { AuditLog } from '../log.ts'
import { openSigner } from '../signers/index.ts'
import { event } from '../testing.ts'
import { directoryStore } from './directory.ts'
import { LogMirror } from './mirror.ts'
import { RestoreRefused, restoreLog } from './restore.ts'
import { verifyMirror } from './verify.ts'

const clock = { now: () => 1_700_000_000_000 }
const folder = () => {
  const dir = mkdtempSync(join(tmpdir(), 'ostiary-restore-'))
  return { dir, [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }) }
}
const open = async (dir: string) =>
  AuditLog.open({ dir, signer: await openSigner('file', dir), clock, checkpointMs: 2 ** 30 })
const readIn =
  (dir: string): ReadFile =>
  (path) =>
    readFile(join(dir, path)).catch(() => undefined)

/** A gateway's data folder with a log of `size` entries, `lost` more behind its mirror, and the mirror. */
async function mirrored(size: number, lost: number) {
  const [data, second] = [folder(), folder()]
  const log = await open(data.dir)
  const store = directoryStore(second.dir, log.origin)
  await Promise.all(Array.from({ length: size - 1 }, (_, n) => log.append(event(n))))
  const mirror = new LogMirror({
    log,
    recorder: log as Recorder,
    dir: join(data.dir, 'log'),
    store,
    placeFile: join(data.dir, 'mirror.json'),
    clock,
    onProblem: (problem) => assert.fail(problem),
  })
  await mirror.round()
  for (let n = 0; n < lost; n++) await log.append(event(n))
  await log.close()
  const copy = join(second.dir, log.origin)
  return {
    data: data.dir,
    copy,
    read: readIn(copy),
    vkey: log.vkey,
    origin: log.origin,
    held: log.checkpoint(),
    [Symbol.dispose]() {
      data[Symbol.dispose]()
      second[Symbol.dispose]()
    },
  }
}

test('a restored log is closed and verifies, and the new one that begins names it and signs with another key', async () => {
  using from = await mirrored(700, 3)
  rmSync(join(from.data, 'log'), { recursive: true })
  const restored = await restoreLog({ ...from, dataDir: from.data, goesOn: false, signer: 'file', clock })
  assert.equal(restored.report.size, 700)
  const report = await verifyLog(readIn(restored.folder), { vkey: from.vkey })
  assert.deepEqual([report.problems, report.size], [[], 700])
  assert.ok(!existsSync(join(from.data, 'log.restoring')))
  const next = await open(from.data)
  assert.notEqual(next.origin, from.origin)
  assert.notEqual(next.vkey, from.vkey)
  const { entry } = await next.read(1)
  assert.deepEqual(
    [entry.type, entry.data],
    ['log.restored', { origin: from.origin, size: 700, root: report.root, continues: false }],
  )
  await next.close()
})

test('on a new machine the log comes back from the mirror and its public key alone', async () => {
  using from = await mirrored(300, 0)
  using fresh = folder()
  const restored = await restoreLog({ ...from, dataDir: fresh.dir, goesOn: false, signer: 'file', clock })
  const verified = await verifyLog(readIn(restored.folder), { vkey: from.vkey, held: from.held })
  assert.deepEqual(verified.problems, [])
})

test('a log that goes on says so in an entry, extends its mirror, and contradicts what was signed behind it', async () => {
  using from = await mirrored(300, 3)
  rmSync(join(from.data, 'log'), { recursive: true })
  await restoreLog({ ...from, dataDir: from.data, goesOn: true, signer: 'file', clock })
  const log = await open(from.data)
  assert.equal(log.origin, from.origin)
  assert.equal((await log.read(300)).entry.type, 'log.restored')
  for (let n = 0; n < 5; n++) await log.append(event(n))
  await log.close()
  const note = String(await from.read('checkpoint'))
  const here = readIn(join(from.data, 'log'))
  assert.deepEqual((await verifyLog(here, { vkey: from.vkey, held: note })).problems, [])
  const later = await verifyLog(here, { vkey: from.vkey, held: from.held })
  assert.equal(
    later.problems[0]?.kind,
    'rewritten',
    'whoever kept a later checkpoint sees that entries were lost',
  )
})

test('a crafted witnessed checkpoint in the copy leaves no log that does not open', async () => {
  using from = await mirrored(300, 3)
  rmSync(join(from.data, 'log'), { recursive: true })
  const restored = { ...from, dataDir: from.data, goesOn: true, signer: 'file' as const, clock }
  writeFileSync(join(from.copy, 'checkpoint.witnessed'), from.held)
  await assert.rejects(restoreLog(restored), /Witnesses have seen 303 entries and the copy holds 300/)
  assert.ok(!existsSync(join(from.data, 'log')))
  writeFileSync(join(from.copy, 'checkpoint.witnessed'), from.held.replace('303', '301'))
  await restoreLog(restored)
  assert.ok(!existsSync(join(from.data, 'log', 'checkpoint.witnessed')))
  await (await open(from.data)).close()
})

test('a restore touches no log that is there, needs the key to go on, and takes nothing that does not verify', async () => {
  using from = await mirrored(300, 0)
  using other = await mirrored(10, 0)
  using fresh = folder()
  const options = { ...from, goesOn: false, signer: 'file', clock } as const
  await assert.rejects(restoreLog({ ...options, dataDir: from.data }), RestoreRefused)
  await assert.rejects(restoreLog({ ...options, dataDir: fresh.dir, goesOn: true }), RestoreRefused)
  await assert.rejects(restoreLog({ ...options, dataDir: fresh.dir, vkey: other.vkey }), RestoreRefused)
  const apart = { ...options, dataDir: fresh.dir, signer: { socket: '/nowhere' } } as const
  await assert.rejects(restoreLog(apart), RestoreRefused, 'a key held elsewhere is not retired from here')
  const path = join(from.copy, 'tile/entries/000')
  chmodSync(path, 0o600)
  writeFileSync(path, (await readFile(path)).fill(1, 50, 51))
  await assert.rejects(restoreLog({ ...options, dataDir: fresh.dir }), RestoreRefused)
  assert.ok(!existsSync(join(fresh.dir, 'log')) && !existsSync(join(fresh.dir, 'closed-logs')))
})

test('an older checkpoint put into a mirror is noticed by the files behind it', async () => {
  using from = await mirrored(600, 0)
  using older = folder()
  cpSync(from.copy, older.dir, { recursive: true })
  assert.equal((await verifyMirror(from.read, from)).holdsMore, false)
  using short = folder()
  cpSync(join(from.data, 'keys'), join(short.dir, 'keys'), { recursive: true })
  cpSync(join(from.data, 'log-name'), join(short.dir, 'log-name'))
  const log = await open(short.dir)
  for (let n = 0; n < 255; n++) await log.append(event(n))
  await log.close()
  cpSync(join(short.dir, 'log', 'checkpoint'), join(older.dir, 'checkpoint'))
  const { vkey } = from
  const bare = await verifyMirror(readIn(older.dir), { vkey })
  assert.equal(bare.problems[0]?.kind, 'missing', 'the newest part of that time is given up by now')
  cpSync(join(short.dir, 'log', 'tile'), join(older.dir, 'tile'), { recursive: true, force: false })
  const report = await verifyMirror(readIn(older.dir), { vkey })
  assert.deepEqual([report.problems, report.size, report.holdsMore], [[], 256, true])
})
