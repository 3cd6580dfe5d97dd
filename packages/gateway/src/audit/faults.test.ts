import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AuditUnavailable } from '../model/evidence.ts'
import type { AuditLog } from './log.ts'
import type { Fault } from './testing.ts'
import { assertKept, event, LogBench, MemoryDisk } from './testing.ts'

/** What an auditor and the callers know after a run. */
interface Known {
  readonly acknowledged: Map<number, string>
  held: string | undefined
}

async function append(log: AuditLog, n: number, known: Known): Promise<void> {
  try {
    const { index, leaf } = await log.append(event(n))
    assert.ok(!known.acknowledged.has(index), `index ${index} was given out twice`)
    known.acknowledged.set(index, leaf)
  } catch (error) {
    assert.ok(error instanceof AuditUnavailable, String(error))
  }
}

async function publish(log: AuditLog, known: Known): Promise<void> {
  await log.publish().catch(() => {})
  known.held = log.checkpoint() || known.held
}

/** Single entries, groups, a full tile, checkpoints between. */
async function work(bench: LogBench, disk: MemoryDisk): Promise<Known> {
  const known: Known = { acknowledged: new Map(), held: undefined }
  const log = await bench.open(disk).catch(() => undefined)
  if (!log) return known
  for (let n = 0; n < 3; n++) await append(log, n, known)
  await publish(log, known)
  await Promise.all(Array.from({ length: 260 }, (_, n) => append(log, n, known)))
  await append(log, 300, known)
  await publish(log, known)
  await append(log, 301, known)
  await publish(log, known)
  await append(log, 302, known)
  return known
}

for (const lasting of [false, true]) {
  for (const persisted of [false, true]) {
    const name = `${lasting ? 'the disk breaks' : 'one operation fails'}, ${persisted ? 'persisted' : 'not persisted'}`
    test(`${name}: whichever operation it is, no acknowledged entry is lost and no signature is broken`, async () => {
      using bench = new LogBench()
      for (let at = 0; ; at++) {
        const disk = new MemoryDisk()
        const fault: Fault = { at, persisted, lasting }
        disk.fault = fault
        const known = await work(bench, disk)
        for (const crash of ['kill', 'power cut'] as const) {
          const found = disk.after(crash)
          const log = await bench.open(found)
          await assertKept(log, known.acknowledged)
          const report = await bench.verify(found, log.vkey, known.held)
          assert.deepEqual(report.problems, [], `operation ${at}, after a ${crash}`)
          assert.equal((await log.read(0)).entry.type, 'log.opened')
          const next = await log.append(event(999))
          assert.equal(next.index, report.size, `operation ${at}: the log does not go on`)
          await log.close()
          assert.deepEqual((await bench.verify(found, log.vkey, known.held)).problems, [])
        }
        if (disk.operations <= at) break
      }
    })
  }
}

test('a refused entry is refused, its successor gets its index, and the owner hears of both', async () => {
  using bench = new LogBench()
  const disk = new MemoryDisk()
  const heard: (string | undefined)[] = []
  const log = await bench.open(disk, { onHealth: (problem) => heard.push(problem) })
  disk.fault = { at: 0, persisted: false, lasting: true }
  await assert.rejects(log.append(event(1)), AuditUnavailable)
  await assert.rejects(log.append(event(2)), AuditUnavailable)
  disk.fault = undefined
  assert.equal((await log.append(event(3))).index, 1)
  assert.deepEqual((await log.read(1)).entry.data, { n: 3 })
  const refused = 'the log cannot be written: EIO'
  assert.deepEqual(heard, [refused, refused, undefined])
  await log.close()
})

test('an entry given up on a disk that could not even be wiped does not come back in place of its successor', async () => {
  using bench = new LogBench()
  const disk = new MemoryDisk()
  const log = await bench.open(disk)
  await log.append(event(1))
  // The write and the sync take effect, and so does nothing after them: the segment keeps a whole, refused group.
  disk.fault = { at: disk.operations + 1, persisted: true, lasting: false }
  const { written } = disk
  const wiped = written.set.bind(written)
  let journalWrites = 0
  written.set = (path, data) =>
    path.endsWith('.wal') && data.length > 0 && ++journalWrites === 2 ? written : wiped(path, data)
  await assert.rejects(log.append(event(2)), AuditUnavailable)
  written.set = wiped
  const { leaf } = await log.append(event(3))
  const again = await bench.open(disk.after('kill'))
  assert.equal(again.size, 3)
  assert.equal((await again.read(2)).leaf, leaf)
  await again.close()
  await log.close()
})

test('a log whose first segment of an index was given up keeps what the second segment of that index holds', async () => {
  using bench = new LogBench()
  const disk = new MemoryDisk()
  const first = await bench.open(disk)
  await first.close()
  for (let round = 0; round < 3; round++) {
    const log = await bench.open(disk)
    disk.fault = { at: disk.operations + 1, persisted: false, lasting: false }
    await assert.rejects(log.append(event(0)), AuditUnavailable)
    const { index, leaf } = await log.append(event(1))
    const names = bench.journals(disk).map((path) => path.split('/').at(-1))
    assert.equal(new Set(names).size, names.length)
    const again = await bench.open(disk.after('kill'))
    assert.equal((await again.read(index)).leaf, leaf)
    await again.close()
    await log.close()
  }
})

test('whether the log could take an entry is found out by trying, as long as nobody appends', async () => {
  using bench = new LogBench()
  const disk = new MemoryDisk()
  const log = await bench.open(disk)
  assert.equal(await log.takesEntries(), true)
  disk.fault = { at: 0, persisted: false, lasting: true }
  await assert.rejects(log.append(event(1)), AuditUnavailable)
  assert.equal(log.isHealthy, false)
  assert.equal(await log.takesEntries(), false)
  disk.fault = undefined
  assert.equal(await log.takesEntries(), true)
  await log.close()
  assert.equal(await log.takesEntries(), false)
})
