import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { parseEntries, verifyLog } from '@ostiary/evidence'
import { bundle, frame, hasFrameAfter, readFrames } from './frames.ts'
import { LogDamaged } from './journal.ts'
import { event, LogBench, MemoryDisk } from './testing.ts'

/** A log of `size` entries, published and closed. */
async function written(
  bench: LogBench,
  size: number,
): Promise<{ disk: MemoryDisk; vkey: string; held: string }> {
  const disk = new MemoryDisk()
  const log = await bench.open(disk)
  await Promise.all(Array.from({ length: size - 1 }, (_, n) => log.append(event(n))))
  await log.close()
  return { disk, vkey: log.vkey, held: log.checkpoint() }
}

/** A journal of three groups beyond the checkpoint, and where each ends. */
async function journalled(bench: LogBench): Promise<{ disk: MemoryDisk; path: string; ends: number[] }> {
  const disk = new MemoryDisk()
  const log = await bench.open(disk)
  const path = bench.journals(disk).at(-1) as string
  const ends: number[] = []
  for (let n = 0; n < 3; n++) {
    await log.append(event(n))
    ends.push((disk.written.get(path) as Buffer).length)
  }
  const found = disk.after('kill')
  await log.close()
  return { disk: found, path, ends }
}

test('a last group torn at any byte is left out whole, and the log goes on', async () => {
  using bench = new LogBench()
  const { disk, path, ends } = await journalled(bench)
  const [, before, end] = ends as [number, number, number]
  const whole = disk.written.get(path) as Buffer
  for (let cut = before; cut < end; cut++) {
    for (const rest of [0, 64]) {
      const torn = disk.after('kill')
      torn.written.set(path, Buffer.concat([whole.subarray(0, cut), Buffer.alloc(rest)]))
      const log = await bench.open(torn)
      assert.equal(log.size, 3, `cut at ${cut}`)
      assert.equal((await log.append(event(9))).index, 3)
      await log.close()
      assert.deepEqual((await bench.verify(torn, log.vkey)).problems, [])
    }
  }
})

test('a group damaged at any byte before the last one stops the log with its name and place', async () => {
  using bench = new LogBench()
  const { disk, path, ends } = await journalled(bench)
  const [first, second] = ends as [number, number, number]
  for (let at = first; at < second; at++) {
    const damaged = disk.after('kill')
    const bytes = Buffer.from(damaged.written.get(path) as Buffer)
    bytes[at] = (bytes[at] as number) ^ 0x55
    damaged.written.set(path, bytes)
    await assert.rejects(bench.open(damaged), (error) => {
      assert.ok(error instanceof LogDamaged, `byte ${at}`)
      assert.ok(
        error.message.includes(path) && error.message.includes(`byte ${first} (entry 2)`),
        error.message,
      )
      return true
    })
  }
})

test('journal groups: damaged lengths, sums and tails are never taken for entries', () => {
  const appended = [
    { entry: Buffer.from('one'), body: undefined },
    { entry: Buffer.alloc(300, 7), body: Buffer.from('sealed') },
  ]
  const group = frame(appended)
  const last = { entry: Buffer.from('x'), body: undefined }
  const whole = Buffer.concat([group, frame([last])])
  assert.deepEqual(readFrames(whole).appended, [...appended, last])
  assert.deepEqual(readFrames(Buffer.alloc(64)), { appended: [], end: 0 })
  for (let at = 0; at < group.length; at++) {
    const bytes = Buffer.from(whole)
    bytes[at] = (bytes[at] as number) ^ 1
    assert.deepEqual(readFrames(bytes), { appended: [], end: 0 })
    assert.equal(hasFrameAfter(bytes, 0), true, `byte ${at}`)
  }
  assert.equal(hasFrameAfter(whole, whole.length), false)
  // A sum that fits does not make a bundle of what is none.
  const body = Buffer.from([0, 9, 1])
  const header = Buffer.alloc(8)
  header.writeUInt32BE(body.length, 0)
  header.writeUInt32BE(crc32(body), 4)
  assert.deepEqual(readFrames(Buffer.concat([header, body])), { appended: [], end: 0 })
})

test('what 0.1.0 had acknowledged and not yet put into tiles when it was killed is there after the upgrade', async () => {
  using bench = new LogBench()
  const disk = new MemoryDisk()
  const log = await bench.open(disk)
  for (let n = 0; n < 3; n++) await log.append(event(n))
  const leaves = await Promise.all([1, 2, 3].map(async (index) => (await log.read(index)).leaf))
  // The same entries as that version framed them: no lengths of bodies.
  const found = disk.after('kill')
  const path = bench.journals(found).at(-1) as string
  const { appended } = readFrames(found.written.get(path) as Buffer)
  const groups = appended.map(({ entry }) => {
    const body = bundle([entry])
    const header = Buffer.alloc(8)
    header.writeUInt32BE(body.length, 0)
    header.writeUInt32BE(crc32(body), 4)
    return Buffer.concat([header, body])
  })
  found.written.set(path, Buffer.concat([...groups, Buffer.alloc(64)]))
  const upgraded = await bench.open(found)
  assert.equal(upgraded.size, 4)
  const read = await Promise.all([1, 2, 3].map(async (index) => (await upgraded.read(index)).leaf))
  assert.deepEqual(read, leaves)
})

const flip = (bytes: Buffer, at: number): Buffer => {
  const copy = Buffer.from(bytes)
  copy[at] = (copy[at] as number) ^ 1
  return copy
}

/** What an attacker does to the entries of the first bundle, and what the auditor reads in the report. */
const TAMPERING: Record<
  string,
  { do: (entries: Uint8Array[]) => Uint8Array[]; kind: string; index: number }
> = {
  'an edited record': {
    do: (entries) =>
      entries.with(42, Buffer.from(String(Buffer.from(entries[42] as Uint8Array)).replace('bot', 'tob'))),
    kind: 'altered',
    index: 42,
  },
  'a dropped record': { do: (entries) => entries.toSpliced(42, 1), kind: 'missing', index: 42 },
  'reordered records': {
    do: (entries) => entries.with(42, entries[43] as Uint8Array).with(43, entries[42] as Uint8Array),
    kind: 'altered',
    index: 42,
  },
  'a doubled record': {
    do: (entries) => entries.toSpliced(42, 0, entries[42] as Uint8Array),
    kind: 'altered',
    index: 43,
  },
}

for (const [name, tampering] of Object.entries(TAMPERING)) {
  test(`${name} is found, with its place`, async () => {
    using bench = new LogBench()
    const { disk, vkey } = await written(bench, 300)
    const path = bench.path('tile/entries/000')
    const entries = parseEntries(disk.written.get(path) as Buffer) as Uint8Array[]
    disk.written.set(path, bundle(tampering.do(entries)))
    const report = await bench.verify(disk, vkey)
    assert.equal(report.ok, false)
    assert.deepEqual([report.problems[0]?.kind, report.problems[0]?.index], [tampering.kind, tampering.index])
  })
}

test('a log file cut short, gone or flipped at any place is reported, and a gateway never signs over it', async () => {
  using bench = new LogBench()
  const { disk, vkey } = await written(bench, 520)
  const files = ['tile/0/000', 'tile/0/001', 'tile/0/002.p/8', 'tile/1/000.p/2']
  const bundles = ['tile/entries/000', 'tile/entries/001', 'tile/entries/002.p/8']
  for (const [n, file] of [...files, ...bundles].entries()) {
    const path = bench.path(file)
    const content = disk.written.get(path) as Buffer
    const start = file.includes('tile/1') ? 0 : (n % 4) * 256
    for (const bytes of [undefined, content.subarray(0, -1), flip(content, 40), Buffer.alloc(0)]) {
      const damaged = disk.after('kill')
      if (bytes) damaged.written.set(path, bytes)
      else damaged.written.delete(path)
      const report = await bench.verify(damaged, vkey)
      const problem = report.problems[0]
      assert.ok(problem, `${file} ${bytes?.length}`)
      assert.ok(problem.kind === 'altered' || problem.kind === 'missing', file)
      if (n < 3) assert.ok((problem.index ?? -1) >= start, `${file}: ${problem.index}`)
    }
  }
  for (const file of ['tile/0/002.p/8', 'tile/1/000.p/2']) {
    const damaged = disk.after('kill')
    damaged.written.set(bench.path(file), flip(damaged.written.get(bench.path(file)) as Buffer, 3))
    await assert.rejects(bench.open(damaged), LogDamaged)
    damaged.written.delete(bench.path(file))
    await assert.rejects(bench.open(damaged), LogDamaged)
  }
})

test('a checkpoint edited, signed by another key or gone is refused by auditor and gateway', async () => {
  using bench = new LogBench()
  using other = new LogBench()
  const { disk, vkey, held } = await written(bench, 10)
  const foreign = await written(other, 10)
  for (const note of [held.replace('\n10\n', '\n9\n'), foreign.held, '', 'x', held.slice(0, -4)]) {
    const damaged = disk.after('kill')
    damaged.written.set(bench.path('checkpoint'), Buffer.from(note))
    assert.equal((await bench.verify(damaged, vkey)).problems[0]?.kind, 'signature')
    await assert.rejects(bench.open(damaged), LogDamaged)
  }
  const invalid = disk.after('kill')
  invalid.written.set(bench.path('checkpoint'), Buffer.from([0xff, 0xfe]))
  assert.equal((await bench.verify(invalid, vkey)).problems[0]?.kind, 'signature')
  assert.equal((await bench.verify(disk, 'nonsense')).problems[0]?.kind, 'format')
  assert.equal((await verifyLog(async () => undefined, { vkey })).problems[0]?.kind, 'missing')
})

test('a log that lost its checkpoint and journal is not begun anew under the same key', async () => {
  using bench = new LogBench()
  const { disk } = await written(bench, 10)
  disk.written.delete(bench.path('checkpoint'))
  for (const path of bench.journals(disk)) disk.written.delete(path)
  await assert.rejects(bench.open(disk), LogDamaged)
})

test('a segment that is missing between checkpoint and journal stops the log', async () => {
  using bench = new LogBench()
  const { disk, path } = await journalled(bench)
  const later = path.replace(/\d{16}-/, '0000000000000003-')
  disk.written.set(later, disk.written.get(path) as Buffer)
  disk.written.delete(path)
  await assert.rejects(bench.open(disk), LogDamaged)
})

test('a shorter or a second history, correctly signed by the log’s own key, contradicts a checkpoint that was kept', async () => {
  using bench = new LogBench()
  const { vkey, held } = await written(bench, 300)
  const shorter = await written(bench, 200)
  const report = await bench.verify(shorter.disk, vkey, held)
  assert.deepEqual([report.problems[0]?.kind, report.problems[0]?.index], ['missing', 200])
  const disk = new MemoryDisk()
  const log = await bench.open(disk)
  await Promise.all(Array.from({ length: 400 }, (_, n) => log.append(event(n === 42 ? 4242 : n))))
  await log.close()
  assert.deepEqual((await bench.verify(disk, vkey)).problems, [], 'without a kept checkpoint nobody can tell')
  assert.equal((await bench.verify(disk, vkey, held)).problems[0]?.kind, 'rewritten')
  assert.deepEqual((await bench.verify(disk, vkey, shorter.held)).problems[0]?.kind, 'rewritten')
  assert.equal(
    (await bench.verify(disk, vkey, held.replace('\n300\n', '\n299\n'))).problems[0]?.kind,
    'signature',
  )
})
