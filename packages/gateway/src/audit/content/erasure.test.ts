import assert from 'node:assert/strict'
import { createSecretKey, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { canonicalize, verifyReceipt } from '@ostiary/evidence'
import type { LogActor, LogEvent } from '../../model/evidence.ts'
import { AuditUnavailable } from '../../model/evidence.ts'
import { Refusal, refuse } from '../../model/refusal.ts'
import { localBus } from '../../store/local-bus.ts'
import type { Store } from '../../store/store.ts'
import { testStores } from '../../store/testing.ts'
import { LogBench, MemoryDisk } from '../testing.ts'
import { BodyKeys } from './body-keys.ts'
import { Contents } from './contents.ts'
import { applyRetention } from './retention.ts'
import { SealingRecorder } from './sealing-recorder.ts'
import { Subjects } from './subjects.ts'

const DAY = 86_400_000
const OFFICER: LogActor = { kind: 'operator', operator: 'officer' }
const stores = await testStores()
after(() => Promise.all(stores.map((store) => store.dispose())))

const seen = (name: string, note: string): LogEvent => ({
  type: 'call.intent',
  actor: { kind: 'agent', agent: 'agt_1', instance: 'ins_1' },
  about: [name],
  content: { arguments: { note } },
  data: { call: 'cal_1' },
})

/** A log whose content is sealed, over one store; `onErase` may refuse. */
async function archive(bench: LogBench, store: Store, disk = new MemoryDisk(), fingerprint = 'f1') {
  const clock = { time: Date.UTC(2026, 10, 25), now: () => clock.time }
  const log = await bench.open(disk, { clock })
  const open = new Set<string>()
  // What matters here is that the key is destroyed, not how it is sealed.
  const sealer = {
    fingerprint,
    seal: (_: string, value: string) => value,
    open: (_: string, sealed: string) => sealed,
  }
  const keys = new BodyKeys(store, sealer)
  const subjects = new Subjects({
    store,
    log,
    clock,
    keys,
    sealer,
    bus: localBus(),
    lookupKey: createSecretKey(Buffer.alloc(32, 1)).export(),
    onErase: async (name) => void (open.has(name) && refuse('SUBJECT_IN_USE', { task: 'tsk_1' })),
  })
  const recordClass = (event: LogEvent) => (event.about ? 'clinical' : 'general')
  const recorder = new SealingRecorder({ log, subjects, keys, clock, recordClass })
  const keptMs = (name: string) => ({ clinical: 2192 * DAY, general: 400 * DAY })[name]
  return {
    log,
    clock,
    open,
    subjects,
    recorder,
    disk,
    contents: new Contents(log, keys),
    retire: () => applyRetention({ store, clock, log, keys, keptMs }),
  }
}

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: unknown) => (error instanceof Refusal ? error.reason.code : String(error)),
  )

for (const { name, open } of stores) {
  const withArchive =
    (work: (a: Awaited<ReturnType<typeof archive>>, bench: LogBench, store: Store) => Promise<void>) =>
    async () => {
      using bench = new LogBench()
      await using store = await open()
      await store.transaction(async (tx) => {
        await tx.deleteFrom('subjects').execute()
        await tx.deleteFrom('body_keys').execute()
      })
      await work(await archive(bench, store), bench, store)
    }

  test(
    `${name}: an erased subject cannot be read by anyone, others can, and every proof still verifies`,
    withArchive(async (a) => {
      const { index } = await a.recorder.append(seen('Ada Example', 'ada'))
      const other = await a.recorder.append(seen('Bob Example', 'bob'))
      const receipt = await a.log.receipt(index)
      assert.deepEqual(await a.contents.open(index), { arguments: { note: 'ada' } })
      const pseudonym = await a.subjects.pseudonymOf('Ada Example')
      assert.deepEqual((await a.log.read(index)).entry.subjects, [pseudonym])
      assert.equal((await a.subjects.find(String(pseudonym)))?.name, 'Ada Example')

      assert.deepEqual(await a.subjects.erase('Ada Example', OFFICER), { pseudonym, keys: 1 })
      assert.equal(await codeOf(a.contents.open(index)), 'CONTENT_ERASED')
      assert.deepEqual(await a.contents.open(other.index), { arguments: { note: 'bob' } })
      assert.equal(await a.subjects.pseudonymOf('Ada Example'), undefined)
      assert.equal(await a.subjects.find(String(pseudonym)), undefined)
      const { entry } = await a.log.read(index)
      for (const proof of [receipt, await a.log.receipt(index)]) {
        const check = await verifyReceipt({
          receipt: proof,
          entry: Buffer.from(canonicalize(entry)),
          vkey: a.log.vkey,
        })
        assert.equal(check.ok, true)
      }
      const { entry: erased } = await a.log.read(a.log.size - 1)
      assert.deepEqual([erased.type, erased.subjects], ['subject.erased', [pseudonym]])
      // A new mention is somebody new.
      await a.recorder.append(seen('Ada Example', 'again'))
      assert.notEqual(await a.subjects.pseudonymOf('Ada Example'), pseudonym)
    }),
  )

  test(
    `${name}: neither a name nor content stands in any file of the log`,
    withArchive(async (a, bench) => {
      await a.recorder.append(seen('Ada Example', 'a very private remark'))
      await a.log.publish()
      for (const [path, bytes] of a.disk.written) {
        for (const text of ['Ada', 'Example', 'private', 'remark']) {
          assert.ok(!bytes.includes(text), `${path.slice(bench.dir.length)} holds "${text}"`)
        }
      }
    }),
  )

  test(
    `${name}: a legal hold stops erasure and retention until it is released`,
    withArchive(async (a) => {
      const { index } = await a.recorder.append(seen('Ada Example', 'ada'))
      await a.subjects.hold('Ada Example', 'case 7', OFFICER)
      assert.equal(await codeOf(a.subjects.erase('Ada Example', OFFICER)), 'SUBJECT_HELD')
      a.clock.time += 4000 * DAY
      await a.retire()
      assert.deepEqual(await a.contents.open(index), { arguments: { note: 'ada' } })
      await a.subjects.release('Ada Example', OFFICER)
      await a.retire()
      assert.equal(await codeOf(a.contents.open(index)), 'CONTENT_ERASED')
    }),
  )

  test(
    `${name}: a subject with an open task is not erased, and nothing is half done`,
    withArchive(async (a) => {
      const { index } = await a.recorder.append(seen('Ada Example', 'ada'))
      a.open.add('Ada Example')
      assert.equal(await codeOf(a.subjects.erase('Ada Example', OFFICER)), 'SUBJECT_IN_USE')
      assert.deepEqual(await a.contents.open(index), { arguments: { note: 'ada' } })
      assert.notEqual(await a.subjects.pseudonymOf('Ada Example'), undefined)
      assert.equal(await codeOf(a.subjects.erase('Nobody', OFFICER)), 'SUBJECT_UNKNOWN')
    }),
  )

  test(
    `${name}: an erasure cut off by a crash is finished at the next start`,
    withArchive(async (a, _bench, store) => {
      const { index } = await a.recorder.append(seen('Ada Example', 'ada'))
      // As the process dies between the mark and the record.
      await store.db.updateTable('subjects').set({ state: 'erasing' }).execute()
      await a.subjects.load()
      assert.equal(await codeOf(a.contents.open(index)), 'CONTENT_ERASED')
      assert.equal((await a.log.read(a.log.size - 1)).entry.type, 'subject.erased')
    }),
  )

  test(
    `${name}: an erasure that the log did not take, as on a full disk, is finished when it is asked for again`,
    withArchive(async (a) => {
      const { index } = await a.recorder.append(seen('Ada Example', 'ada'))
      a.disk.fault = { at: a.disk.operations, persisted: false, lasting: true }
      await assert.rejects(a.subjects.erase('Ada Example', OFFICER), AuditUnavailable)
      a.disk.fault = undefined
      assert.equal(await codeOf(a.subjects.erase('Ada Example', OFFICER)), 'done')
      assert.equal(await codeOf(a.contents.open(index)), 'CONTENT_ERASED')
    }),
  )

  test(
    `${name}: of a hold and an erasure that race, whoever is told that it worked is right`,
    withArchive(async (a) => {
      const { index } = await a.recorder.append(seen('Ada Example', 'ada'))
      const [erased, held] = await Promise.all([
        codeOf(a.subjects.erase('Ada Example', OFFICER)),
        codeOf(a.subjects.hold('Ada Example', 'case 7', OFFICER)),
      ])
      const content = await codeOf(a.contents.open(index))
      const isErased = content === 'CONTENT_ERASED'
      assert.deepEqual([erased, held], isErased ? ['done', 'SUBJECT_UNKNOWN'] : ['SUBJECT_HELD', 'done'])
    }),
  )

  test(
    `${name}: what is recorded after an erasure that another gateway made is under no key that outlives it`,
    withArchive(async (a, bench, store) => {
      await a.recorder.append(seen('Ada Example', 'ada'))
      const old = await a.subjects.pseudonymOf('Ada Example')
      await (await archive(bench, store, new MemoryDisk())).subjects.erase('Ada Example', OFFICER)
      // Here the pseudonym is still in memory, and no key of the new month.
      a.clock.time += 31 * DAY
      const { index } = await a.recorder.append(seen('Ada Example', 'again'))
      assert.deepEqual(await a.contents.open(index), { arguments: { note: 'again' } })
      assert.notDeepEqual((await a.log.read(index)).entry.subjects, [old])
      const left = await store.db
        .selectFrom('body_keys')
        .selectAll()
        .where('subject', '=', String(old))
        .execute()
      assert.deepEqual(left, [])
    }),
  )

  test(
    `${name}: content about more subjects than it can be sealed for is not kept, for it could not be erased`,
    withArchive(async (a) => {
      const about = Array.from({ length: 21 }, (_, n) => `p${n}`)
      const { index } = await a.recorder.append({ ...seen('', 'all of them'), about })
      assert.deepEqual(await a.contents.open(index), { 'ostiary:omitted': 'about 21 subjects' })
    }),
  )

  test(
    `${name}: content ends by age, each class after its own time, and the record of it comes first`,
    withArchive(async (a) => {
      const clinical = await a.recorder.append(seen('Ada Example', 'ada'))
      const general = await a.recorder.append({
        ...seen('x', 'general'),
        about: undefined,
      } as unknown as LogEvent)
      a.clock.time += 430 * DAY
      await a.retire()
      assert.equal(await codeOf(a.contents.open(general.index)), 'CONTENT_ERASED')
      assert.deepEqual(await a.contents.open(clinical.index), { arguments: { note: 'ada' } })
      const { entry } = await a.log.read(a.log.size - 1)
      assert.deepEqual(
        [entry.type, entry.data],
        ['retention.applied', { class: 'general', month: '2026-11', keys: 1 }],
      )
      const size = a.log.size
      await a.retire()
      assert.equal(a.log.size, size, 'nothing is left to record')
    }),
  )

  test(
    `${name}: two calls that name a subject for the first time at once agree on the pseudonym`,
    withArchive(async (a) => {
      const found = await Promise.all(
        Array.from({ length: 8 }, () => a.recorder.append(seen('Ada Example', 'x'))),
      )
      const entries = await Promise.all(found.map(({ index }) => a.log.read(index)))
      assert.equal(new Set(entries.map(({ entry }) => String(entry.subjects))).size, 1)
      assert.equal(new Set(entries.map(({ entry }) => String(entry.body?.keys))).size, 1)
    }),
  )

  test(
    `${name}: gateways on one database whose keys differ have keys of their own, and read what is theirs`,
    withArchive(async (a, _bench, store) => {
      using elsewhere = new LogBench()
      const b = await archive(elsewhere, store, new MemoryDisk(), 'f2')
      for (const each of [a, b]) {
        const { index } = await each.recorder.append({ ...seen('x', 'own'), about: [] })
        assert.deepEqual(await each.contents.open(index), { arguments: { note: 'own' } })
      }
      const rows = await store.db.selectFrom('body_keys').select('kek').where('subject', '=', '').execute()
      assert.deepEqual(rows.map(({ kek }) => kek).sort(), ['f1', 'f2'])
    }),
  )

  test(
    `${name}: content survives a restart, tile by tile`,
    withArchive(async (a, bench, store) => {
      const found = await Promise.all(
        Array.from({ length: 300 }, (_, n) => a.recorder.append(seen(`p${n % 3}`, String(n)))),
      )
      const check = async ({ contents }: { contents: Contents }) => {
        for (const n of [0, 100, 253, 254, 255, 256, 299]) {
          assert.deepEqual(await contents.open(found[n]?.index as number), { arguments: { note: String(n) } })
        }
      }
      await check(a)
      const killed = await archive(bench, store, a.disk.after('kill'))
      await check(killed)
      await killed.log.publish()
      await check(await archive(bench, store, killed.disk.after('power cut')))
    }),
  )
}

test('what was destroyed is not found in the file of the database', {
  skip: stores[0]?.name !== 'sqlite',
}, async () => {
  using bench = new LogBench()
  const place = stores[0] as (typeof stores)[number]
  await using store = await place.open()
  const a = await archive(bench, store)
  await a.recorder.append(seen('Cleo Unlikely-Name', 'c'))
  const { sealed } = await store.db
    .selectFrom('body_keys')
    .select('sealed')
    .where('subject', '=', String(await a.subjects.pseudonymOf('Cleo Unlikely-Name')))
    .executeTakeFirstOrThrow()
  const holds = (text: string) =>
    [place.location, `${place.location}-wal`].some((path) => readFileSync(path).includes(text))
  assert.ok(holds(sealed) && holds('Unlikely-Name'))
  await a.subjects.erase('Cleo Unlikely-Name', OFFICER)
  assert.ok(!holds(sealed) && !holds('Unlikely-Name'))
})

test('what cannot be sealed is not recorded: the caller is told that the log is unavailable', async () => {
  using bench = new LogBench()
  const place = stores[0] as (typeof stores)[number]
  const store = await place.open()
  const a = await archive(bench, store)
  await a.recorder.append(seen('Ada Example', 'kept'))
  const size = a.log.size
  await store[Symbol.asyncDispose]()
  await assert.rejects(a.recorder.append(seen('Dora Example', 'lost')), AuditUnavailable)
  assert.equal(a.log.size, size)
  // What is in memory goes on.
  await a.recorder.append(seen('Ada Example', 'kept'))
})

test('an event that is not sealed is refused by the log itself', async () => {
  using bench = new LogBench()
  const log = await bench.open(new MemoryDisk())
  const event = { ...seen('Ada', String(randomBytes(2).length)) }
  await assert.rejects(log.append(event as never), /not sealed/)
})
