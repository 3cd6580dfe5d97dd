import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { test } from 'node:test'
import { canonicalize, verifyReceipt } from '@ostiary/evidence'
import { AuditUnavailable } from '../model/evidence.ts'
import { EntryTooLarge } from './entry.ts'
import { diskFiles } from './files.ts'
import { LogDamaged } from './journal.ts'
import { QueueFull } from './log.ts'
import { event, LogBench, MemoryDisk } from './testing.ts'

/** Holds every change of the disk until it is let go. */
function hold(disk: MemoryDisk): () => void {
  const { promise, resolve } = Promise.withResolvers<void>()
  disk.gate = () => promise
  return () => {
    disk.gate = undefined
    resolve()
  }
}

test('a new log begins with log.opened and a signed checkpoint over it', async () => {
  using bench = new LogBench()
  const disk = new MemoryDisk()
  const log = await bench.open(disk)
  const { entry } = await log.read(0)
  assert.deepEqual(
    [entry.v, entry.type, entry.data, log.size],
    [1, 'log.opened', { origin: 'log.example.org' }, 1],
  )
  assert.deepEqual((await bench.verify(disk, log.vkey)).problems, [])
  await log.close()
})

test('entries get the indexes in the order in which they were appended, many of them in one flush', async () => {
  using bench = new LogBench()
  const disk = new MemoryDisk()
  const log = await bench.open(disk)
  const before = disk.operations
  const positions = await Promise.all(Array.from({ length: 1000 }, (_, n) => log.append(event(n))))
  assert.deepEqual(
    positions.map(({ index }) => index),
    Array.from({ length: 1000 }, (_, n) => n + 1),
  )
  assert.equal(disk.operations - before, 2, 'one write and one flush')
  for await (const { index, entry } of log.entries(1)) assert.deepEqual(entry.data, { n: index - 1 })
  await log.close()
})

test('nothing is acknowledged before the flush, and what comes meanwhile waits for the next', async () => {
  using bench = new LogBench()
  const disk = new MemoryDisk()
  const log = await bench.open(disk)
  const release = hold(disk)
  let acknowledged = 0
  const waiting = [1, 2].map(async (n) => {
    await log.append(event(n))
    acknowledged++
  })
  for (let turn = 0; turn < 5; turn++) await new Promise((tick) => setImmediate(tick))
  assert.equal(acknowledged, 0)
  assert.equal(log.size, 1)
  release()
  await Promise.all(waiting)
  assert.equal(log.size, 3)
  await log.close()
})

test('a full queue refuses at once, and takes entries again when the disk catches up', async () => {
  using bench = new LogBench()
  const disk = new MemoryDisk()
  const log = await bench.open(disk, { queueLimit: 3 })
  const release = hold(disk)
  const inFlight = log.append(event(0))
  await new Promise((tick) => setImmediate(tick))
  const waiting = [1, 2, 3].map((n) => log.append(event(n)))
  await assert.rejects(log.append(event(4)), (error) => {
    assert.ok(error instanceof QueueFull && error instanceof AuditUnavailable)
    return true
  })
  release()
  await Promise.all([inFlight, ...waiting])
  assert.equal((await log.append(event(5))).index, 5)
  await log.close()
})

test('an entry that no bundle can hold is refused as a rejection and harms no other', async () => {
  using bench = new LogBench()
  const disk = new MemoryDisk()
  const log = await bench.open(disk)
  const room = 65_535 - Buffer.byteLength(canonicalize({ v: 1, ts: 1_700_000_000_000, ...event(0) })) - 8
  const sized = (length: number) => ({ ...event(0), data: { n: 0, text: 'x'.repeat(length) } })
  let fits = room
  const results = await Promise.allSettled([
    log.append(event(1)),
    log.append(sized(70_000)),
    log.append(event(2)),
  ])
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
  assert.ok((results[1] as PromiseRejectedResult).reason instanceof EntryTooLarge)
  const size = (length: number) =>
    Buffer.byteLength(canonicalize({ v: 1, ts: 1_700_000_000_000, ...sized(length) }))
  while (size(fits) < 65_535) fits++
  while (size(fits) > 65_535) fits--
  await log.append(sized(fits))
  await assert.rejects(log.append(sized(fits + 1)), EntryTooLarge)
  await log.publish()
  assert.deepEqual((await bench.verify(disk, log.vkey)).problems, [])
  await log.close()
})

test('closing waits for entries under way and refuses later ones', async () => {
  using bench = new LogBench()
  const disk = new MemoryDisk()
  const log = await bench.open(disk)
  const release = hold(disk)
  const waiting = [log.append(event(1)), log.append(event(2))]
  const closed = log.close()
  release()
  await closed
  assert.deepEqual(
    (await Promise.all(waiting)).map(({ index }) => index),
    [1, 2],
  )
  await assert.rejects(log.append(event(3)), AuditUnavailable)
  await log.close()
  const again = await bench.open(disk.after('power cut'))
  assert.equal(again.size, 3)
  await again.close()
})

test('an entry read while a checkpoint is being written is that entry, not another', async () => {
  using bench = new LogBench()
  const disk = new MemoryDisk()
  const log = await bench.open(disk)
  await Promise.all(Array.from({ length: 250 }, (_, n) => log.append(event(n))))
  await log.publish()
  await Promise.all(Array.from({ length: 50 }, (_, n) => log.append(event(250 + n))))
  const release = hold(disk)
  const published = log.publish()
  await new Promise((tick) => setImmediate(tick))
  for (const index of [1, 240, 250, 251, 255, 256, 257, 300]) {
    assert.deepEqual((await log.read(index)).entry.data, { n: index - 1 }, `entry ${index}`)
  }
  const receipt = await log.receipt(240)
  release()
  await published
  const entry = Buffer.from(canonicalize((await log.read(240)).entry))
  assert.equal((await verifyReceipt({ receipt, entry, vkey: log.vkey })).ok, true)
  await log.close()
})

test('every entry has a receipt that verifies, over sizes around a full tile', async () => {
  using bench = new LogBench()
  const log = await bench.open(new MemoryDisk())
  for (const size of [2, 3, 255, 256, 257, 511, 513]) {
    const missing = size - log.size
    await Promise.all(Array.from({ length: missing }, (_, n) => log.append(event(n))))
    for (let index = 0; index < size; index += size > 300 ? 37 : 1) {
      const entry = Buffer.from(canonicalize((await log.read(index)).entry))
      const check = await verifyReceipt({ receipt: await log.receipt(index), entry, vkey: log.vkey })
      assert.deepEqual(check.ok && check.index, index)
    }
  }
  for (const index of [-1, 0.5, Number.NaN, 513]) {
    await assert.rejects(log.receipt(index), RangeError)
    await assert.rejects(log.read(index), RangeError)
  }
  await log.close()
})

test('the journal of a real disk holds nothing that tiles hold, and its files are private', async () => {
  using bench = new LogBench()
  const log = await bench.open(diskFiles)
  await Promise.all(Array.from({ length: 300 }, (_, n) => log.append(event(n))))
  await log.close()
  const again = await bench.open(diskFiles)
  assert.equal(again.size, 301)
  await again.append(event(1))
  await again.publish()
  const journals = await diskFiles.list(bench.path('journal'))
  assert.equal(journals.length, 1)
  for (const file of [
    'checkpoint',
    'tile/0/000',
    'tile/entries/000',
    `journal/${journals[0]}`,
    '../keys/log.key',
  ]) {
    assert.equal(statSync(bench.path(file)).mode & 0o777, 0o600, file)
  }
  for (const folder of ['', 'tile', 'journal', '../keys']) {
    assert.equal(statSync(bench.path(folder)).mode & 0o777, 0o700, folder)
  }
  await again.close()
})

test('a log whose partial files are gone opens from the full ones, which begin with them', async () => {
  using bench = new LogBench()
  const disk = new MemoryDisk()
  const log = await bench.open(disk)
  const append = async (count: number) => {
    await Promise.all(Array.from({ length: count }, (_, n) => log.append(event(n))))
    await log.publish()
  }
  await append(100)
  const older = disk.written.get(bench.path('checkpoint')) as Buffer
  await append(200)
  const found = disk.after('kill')
  found.written.set(bench.path('checkpoint'), older)
  const again = await bench.open(found)
  assert.equal(again.size, 301)
  assert.deepEqual((await bench.verify(found, again.vkey)).problems, [])
  const forged = disk.after('kill')
  const last = bench.path('tile/entries/001.p/45')
  const bundle = Buffer.from(forged.written.get(last) as Buffer)
  bundle[5] = (bundle[5] as number) ^ 1
  forged.written.set(last, bundle)
  await assert.rejects(bench.open(forged), /tile.entries.001.p.45 is damaged/)
})

test('partial tiles and bundles go once the full ones are there, and the log opens and verifies without them', async () => {
  using bench = new LogBench()
  const disk = new MemoryDisk()
  const log = await bench.open(disk)
  for (const count of [100, 100, 60, 7]) {
    await Promise.all(Array.from({ length: count }, (_, n) => log.append(event(n))))
    await log.publish()
  }
  const partial = [...disk.written.keys()]
    .filter((path) => path.includes('.p/'))
    .map((path) => path.slice(bench.path('').length + 1))
  assert.deepEqual(
    partial.filter((path) => path.includes('000.p')),
    ['tile/1/000.p/1'],
  )
  const found = disk.after('power cut')
  const again = await bench.open(found)
  assert.equal(again.size, 268)
  assert.deepEqual((await bench.verify(found, again.vkey)).problems, [])
})

test('a log whose whole folder is gone does not begin anew under its key', async () => {
  using bench = new LogBench()
  const disk = new MemoryDisk()
  const log = await bench.open(disk)
  await log.append(event(1))
  await log.close()
  const found = disk.after('power cut')
  for (const path of [...found.written.keys()])
    if (path.startsWith(`${bench.path('')}/`)) found.written.delete(path)
  await assert.rejects(bench.open(found), (error) => {
    assert.ok(error instanceof LogDamaged)
    assert.match(error.message, /had begun.*ostiary audit restore/s)
    return true
  })
})
