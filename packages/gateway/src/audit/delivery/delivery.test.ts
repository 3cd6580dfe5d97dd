import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import type { AuditLog, StoredEntry } from '../log.ts'
import { event, LogBench, MemoryDisk } from '../testing.ts'
import type { DeliveryOptions } from './delivery.ts'
import { Delivery } from './delivery.ts'
import { PlaceFile } from './delivery-place.ts'
import type { Sink } from './sink.ts'
import { SinkFailed } from './sink.ts'

const PLACE = '/sinks/siem.json'

let bench: LogBench
let log: AuditLog
let disk: MemoryDisk
let now = 1_700_000_000_000

beforeEach(async () => {
  bench = new LogBench()
  now = 1_700_000_000_000
  disk = new MemoryDisk()
  log = await bench.open(new MemoryDisk(), { clock: { now: () => now } })
})
afterEach(async () => {
  await log.close()
  bench[Symbol.dispose]()
})

/** A sink that does what the test says with each batch. */
class Scripted implements Sink {
  readonly batches: number[][] = []
  behave: (batch: readonly StoredEntry[], signal: AbortSignal) => Promise<void> = async () => {}
  async deliver(batch: readonly StoredEntry[], signal: AbortSignal): Promise<void> {
    this.batches.push(batch.map(({ index }) => index))
    await this.behave(batch, signal)
  }
  async close(): Promise<void> {}
  get taken(): number[] {
    return this.batches.flat()
  }
}

/** Waits that take one turn of the event loop; how long they would have been. */
class Waits {
  readonly ms: number[] = []
  readonly wait = async (ms: number, signal: AbortSignal): Promise<void> => {
    this.ms.push(ms)
    await new Promise((tick) => setImmediate(tick))
    signal.throwIfAborted()
  }
}

function begin(sink: Sink, options: Partial<DeliveryOptions> = {}): Delivery {
  return new Delivery({
    sink,
    log,
    place: new PlaceFile(disk, PLACE),
    clock: { now: () => now },
    from: 'beginning',
    batch: { entries: 4, waitMs: 0 },
    timeoutMs: 60_000,
    maxBehind: { entries: 5, ms: 60_000 },
    onHealth: () => {},
    wait: new Waits().wait,
    random: () => 1,
    ...options,
  })
}

async function until(isDone: () => boolean): Promise<void> {
  for (let turn = 0; !isDone(); turn++) {
    assert.ok(turn < 10_000, 'it never comes about')
    await new Promise((tick) => setImmediate(tick))
  }
}

const append = async (count: number) => {
  for (let n = 0; n < count; n++) await log.append(event(n))
}

test('every entry comes, in order and in batches, and so do those that are written later', async () => {
  await append(9)
  const sink = new Scripted()
  const delivery = begin(sink)
  await until(() => delivery.lag.entries === 0)
  await append(3)
  await until(() => delivery.lag.entries === 0)
  assert.deepEqual(sink.taken, [...Array(13).keys()])
  assert.ok(sink.batches.every((batch) => batch.length <= 4))
  await delivery.close()
})

for (const persisted of [false, true]) {
  test(`a delivery that fails ${persisted ? 'after' : 'before'} it was taken is made again: nothing is lost, the order stays`, async () => {
    await append(6)
    for (let failing = 0; failing < 4; failing++) {
      const taken: number[] = []
      const sink = new Scripted()
      sink.behave = async (batch) => {
        const fails = sink.batches.length - 1 === failing
        if (!fails || persisted) taken.push(...batch.map(({ index }) => index))
        if (fails) throw new SinkFailed('it is away')
      }
      disk = new MemoryDisk()
      const delivery = begin(sink)
      await until(() => delivery.lag.entries === 0)
      await delivery.close()
      // By their ids the repeats are told; what is left is the log.
      assert.deepEqual([...new Set(taken)], [...Array(7).keys()])
      if (!persisted) assert.equal(taken.length, 7)
    }
  })

  test(`a place that cannot be kept (${persisted ? 'after' : 'before'} it was written) repeats entries and skips none`, async () => {
    await append(6)
    for (let at = 0; at < 5; at++) {
      disk = new MemoryDisk()
      disk.fault = { at, persisted, lasting: false }
      const sink = new Scripted()
      const delivery = begin(sink)
      await until(() => delivery.next !== undefined && delivery.lag.entries === 0)
      await delivery.close()
      assert.deepEqual([...new Set(sink.taken)], [...Array(7).keys()], `operation ${at}`)
    }
  })
}

test('killed between taking and remembering: the next process sends those entries again, and none is skipped', async () => {
  await append(6)
  const first = new Scripted()
  let atCrash: MemoryDisk | undefined
  first.behave = async (batch) => {
    if (batch[0]?.index === 4) atCrash = disk.after('power cut')
  }
  const before = begin(first)
  await until(() => before.lag.entries === 0)
  await before.close()
  disk = atCrash as MemoryDisk
  const second = new Scripted()
  const after = begin(second)
  await until(() => after.lag.entries === 0)
  await after.close()
  assert.deepEqual(second.taken, [4, 5, 6])
})

test('a sink that is away is tried less and less often, never less than every fifteen seconds, and each by its own chance', async () => {
  await append(1)
  const sink = new Scripted()
  sink.behave = async () => {
    throw new SinkFailed('it is away')
  }
  const waits = new Waits()
  const delivery = begin(sink, { wait: waits.wait })
  await until(() => waits.ms.length >= 24)
  await delivery.close()
  const backoffs = waits.ms.filter((ms) => ms > 0)
  assert.deepEqual(backoffs.slice(0, 8), [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000])
  const jittered = new Waits()
  const other = begin(sink, { wait: jittered.wait, random: () => 0 })
  await until(() => jittered.ms.length >= 4)
  await other.close()
  assert.deepEqual(jittered.ms.filter((ms) => ms > 0).slice(0, 2), [125, 250])
})

test('a dead sink holds no entry in memory: what it missed is read from the log when it is back', async () => {
  const sink = new Scripted()
  let isAway = true
  sink.behave = async () => {
    if (isAway) throw new SinkFailed('it is away')
  }
  const delivery = begin(sink)
  await append(40)
  await until(() => sink.batches.length > 10)
  assert.ok(
    sink.batches.slice(3).every((batch) => batch.length === 1),
    'it is asked with less and less',
  )
  assert.equal(delivery.lag.entries, 41)
  isAway = false
  const tried = sink.batches.length
  await until(() => delivery.lag.entries === 0)
  assert.deepEqual([...new Set(sink.batches.slice(tried - 1).flat())], [...Array(41).keys()])
  await delivery.close()
})

test('one entry that is never taken holds up what follows it, and nothing before it', async () => {
  await append(6)
  const sink = new Scripted()
  const taken: number[] = []
  sink.behave = async (batch) => {
    if (batch.some(({ index }) => index === 5)) throw new SinkFailed('it answered with status 400')
    taken.push(...batch.map(({ index }) => index))
  }
  const delivery = begin(sink)
  await until(() => delivery.next === 5 && sink.batches.length > 8)
  assert.deepEqual([...new Set(taken)], [0, 1, 2, 3, 4])
  assert.equal(delivery.problem, 'it answered with status 400')
  await delivery.close()
})

test('lag is told in entries and in the age of the oldest, and too much of either is overdue', async () => {
  const sink = new Scripted()
  let isAway = true
  sink.behave = async () => {
    if (isAway) throw new SinkFailed('it is away')
  }
  const told: (string | undefined)[] = []
  const delivery = begin(sink, { onHealth: (problem) => told.push(problem) })
  await delivery.opened
  await append(2)
  await until(() => delivery.problem !== undefined)
  assert.equal(delivery.isOverdue, false)
  now += 60_001
  assert.deepEqual(delivery.lag, { entries: 3, ms: 60_001 })
  assert.equal(delivery.isOverdue, true, 'by age')
  now -= 60_001
  assert.equal(delivery.isOverdue, false)
  await append(3)
  assert.equal(delivery.isOverdue, true, 'by number')
  isAway = false
  await until(() => delivery.lag.entries === 0)
  assert.deepEqual(delivery.lag, { entries: 0, ms: 0 })
  assert.equal(delivery.isOverdue, false)
  assert.deepEqual(told, ['it is away', undefined])
  await delivery.close()
})

test('a sink that never answers is given up for now, by the signal it is given', async () => {
  await append(1)
  const sink = new Scripted()
  sink.behave = (_batch, signal) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  const delivery = begin(sink, { timeoutMs: 1 })
  await until(() => delivery.problem !== undefined)
  assert.match(delivery.problem ?? '', /within 0\.001 seconds/)
  await delivery.close()
})

test('a sink that does not let go keeps nobody from going on', async () => {
  await append(1)
  const sink = new Scripted()
  sink.behave = () => new Promise(() => {})
  const delivery = begin(sink, { closeMs: 1 })
  await until(() => sink.batches.length === 1)
  await delivery.close()
})

test('a new sink begins where it is told to, remembers that at once, and goes on there after a restart', async () => {
  await append(3)
  const fresh = new Scripted()
  const first = begin(fresh, { from: 'now' })
  await first.opened
  await first.close()
  assert.deepEqual(fresh.taken, [])
  await append(2)
  const second = begin(fresh, { from: 'now' })
  await until(() => second.lag.entries === 0)
  await second.close()
  assert.deepEqual(fresh.taken, [4, 5], 'what was written while it was closed')
})

test('a place that does not fit to this log, or cannot be read, sends entries again rather than skip any', async () => {
  await append(3)
  for (const left of [
    '{"start":0,"next":2,"leaf":"of another log"}',
    '{"start":0,"next":900,"leaf":""}',
    '{"st',
  ]) {
    disk = new MemoryDisk()
    await disk.put(PLACE, Buffer.from(left))
    const sink = new Scripted()
    const told: (string | undefined)[] = []
    const delivery = begin(sink, { from: 'now', onHealth: (problem) => told.push(problem) })
    await until(() => delivery.next === 4)
    await delivery.close()
    assert.deepEqual(sink.taken, [0, 1, 2, 3], left)
    assert.match(told[0] ?? '', /sent again/)
  }
})

test('a sink whose place cannot be read counts as overdue: it is not known what it missed', async () => {
  disk.read = () => Promise.reject(Object.assign(new Error('read'), { code: 'EIO' }))
  const delivery = begin(new Scripted())
  await delivery.opened
  assert.equal(delivery.isOverdue, true)
  assert.match(delivery.problem ?? '', /EIO/)
  await delivery.close()
})
