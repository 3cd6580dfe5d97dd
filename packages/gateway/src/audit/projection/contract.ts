import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import type { LogEntry } from '../entry.ts'
import { decisions } from '../questions/decisions.ts'
import { did } from '../questions/did.ts'
import { historyOf } from '../questions/history.ts'
import { reportFacts } from '../questions/report.ts'
import { timeline } from '../questions/timeline.ts'
import { whoSaw } from '../questions/who-saw.ts'
import { questionsOver } from './over.ts'
import { Projector } from './projector.ts'
import { hoursOf, rowOf } from './rows.ts'
import type { ProjectionStore } from './store.ts'
import { ProjectionGap } from './store.ts'
import type { TestPlace } from './testing.ts'
import { everything, FakeLog } from './testing.ts'

const AT = Date.UTC(2026, 10, 30, 23, 59)

/** Any entry that a log can hold, sensible or not: what agents and servers choose is in it. */
const entry: fc.Arbitrary<Partial<LogEntry>> = fc
  .record({
    ts: fc.oneof(fc.integer({ min: AT - 9e9, max: AT + 9e9 }), fc.constantFrom(0, -5, 2 ** 53, Number.NaN)),
    type: fc.constantFrom(
      'call.intent',
      'call.outcome',
      'call.denied',
      'task.opened',
      'task.delegated',
      'lease.opened',
    ),
    actor: fc.constantFrom(
      { kind: 'agent', agent: 'agt_a', instance: 'ins_a' },
      { kind: 'agent', agent: 'agt_b', instance: 'ins_b' },
      { kind: 'operator', operator: 'alice' },
      { kind: 'gateway' },
    ),
    task: fc.constantFrom(undefined, 'tsk_1', 'tsk_2', 'tsk_3'),
    subjects: fc.array(fc.constantFrom('sbj_1', 'sbj_2', 7), { maxLength: 3 }),
    data: fc.dictionary(
      fc.constantFrom(
        'name',
        'server',
        'call',
        'code',
        'result',
        'bytes',
        'ms',
        'to_agent',
        'to_instance',
        'parent',
        'target',
      ),
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.constantFrom('\0', '\ud800', "'; drop table projection_entries; --", 'x'.repeat(5000)),
        fc.integer(),
        fc.double(),
        fc.jsonValue(),
      ),
    ),
  })
  .map((made) => made as unknown as Partial<LogEntry>)

/** What every {@link ProjectionStore} has to do, whatever it is made of. */
export function projectionContract(name: string, fresh: () => Promise<TestPlace>): void {
  describe(`searchable tables on ${name}`, () => {
    let at: TestPlace
    const opened: ProjectionStore[] = []
    const open = async (origin?: string) => {
      const store = await at.open(origin)
      opened.push(store)
      return store
    }
    before(async () => {
      at = await fresh()
    })
    after(async () => {
      for (const store of opened) await store[Symbol.asyncDispose]()
      await at?.dispose()
    })

    test('following the log step by step gives the rows that a rebuild gives, whatever the entries hold', async () => {
      const store = await open('property')
      await fc.assert(
        fc.asyncProperty(fc.array(fc.array(entry, { maxLength: 6 }), { maxLength: 5 }), async (steps) => {
          const log = new FakeLog()
          await store.clear()
          const following = new Projector(store, log.folder)
          for (const step of steps) {
            log.push(...step)
            await following.run()
            // A process that begins in between knows nothing of what the one before had in memory.
            await new Projector(store, log.folder).run()
          }
          const incremental = await everything(store)
          await store.clear()
          await new Projector(store, log.folder).run()
          assert.deepEqual(await everything(store), incremental)
        }),
        { numRuns: 40 },
      )
    })

    test('entries that come twice, or overlap, are there once', async () => {
      const store = await open('twice')
      const log = new FakeLog().push(...Array.from({ length: 9 }, (_, n) => ({ ts: AT + n })))
      const rows = log.entriesOf.map((one) => rowOf(store.log, one.index, one.leaf, one.entry))
      const batch = (from: number, to: number) => ({ entries: rows.slice(from, to), subjects: [], tasks: [] })
      await store.add(0, batch(0, 6))
      const before = await everything(store)
      await store.add(0, batch(0, 6))
      await store.add(2, batch(2, 5))
      assert.deepEqual(await everything(store), before)
      await store.add(4, batch(4, 9))
      const { projection_entries, projection_hours, logs } = (await everything(store)) as Record<
        string,
        { seq: number }[]
      >
      assert.deepEqual(
        projection_entries?.map(({ seq }) => seq),
        [0, 1, 2, 3, 4, 5, 6, 7, 8],
      )
      assert.deepEqual(projection_hours, hoursOf(rows))
      assert.deepEqual(logs, [{ projected: 9 }])
    })

    test('attack: names as long as an agent can write them, and times that no calendar has, do not stop the tables', async () => {
      const store = await open('long')
      // No two characters alike, so that no index can make them shorter.
      const long = (from: number) =>
        Array.from({ length: 5000 }, (_, n) =>
          String.fromCharCode(0x4e00 + ((from + n * 7919) % 20_000)),
        ).join('')
      const log = new FakeLog().push(
        {
          type: 'call.denied',
          task: long(1),
          actor: { kind: 'agent', agent: long(2), instance: long(3) },
          subjects: [long(4)],
          data: { server: long(5), name: long(6), code: long(7), call: long(8) },
          trace: { id: long(9), span: long(10) },
        },
        { ts: Number.MAX_SAFE_INTEGER },
      )
      assert.equal((await new Projector(store, log.folder).run()).projected, 2)
      const db = questionsOver(store.dialect, (sql, parameters) => store.query(sql, parameters))
      assert.equal((await did(db, { agent: long(2).slice(0, 500) }, { count: 10 })).rows.length, 1)
      const span = { since: 0, until: Date.UTC(2027, 0, 1) }
      assert.equal((await reportFacts(db, span, { read: async () => undefined })).denials.length > 0, true)
    })

    test('no page of a history leaves out what came while the clock was back', async () => {
      const store = await open('clock')
      const actor = { kind: 'agent', agent: 'agt_clock', instance: 'ins_clock' } as const
      const log = new FakeLog().push(...[10, 30, 20, 20, 40, 5].map((ts) => ({ ts: AT + ts, actor })))
      await new Projector(store, log.folder).run()
      const db = questionsOver(store.dialect, (sql, parameters) => store.query(sql, parameters))
      const who = { log: 'clock', agent: 'agt_clock', instance: undefined }
      const seen: number[] = []
      for (let before: number | undefined; ; ) {
        const page = await historyOf(db, who, { count: 2, before })
        seen.push(...page.indexes)
        before = page.before
        if (before === undefined) break
      }
      assert.deepEqual(seen, [4, 1, 3, 2, 0, 5])
    })

    test('a gap is refused', async () => {
      const store = await open('gap')
      const row = rowOf(store.log, 3, 'leaf', new FakeLog().push({ ts: AT }).entriesOf[0]?.entry as LogEntry)
      await assert.rejects(store.add(3, { entries: [row], subjects: [], tasks: [] }), ProjectionGap)
    })

    test('a batch that fails leaves neither rows nor an index behind', async () => {
      const store = await open('failing')
      const whole = new FakeLog().push({ ts: AT }, { ts: AT })
      const [first, second] = whole.entriesOf.map((one) => rowOf(store.log, one.index, one.leaf, one.entry))
      const empty = await everything(store)
      const entries = [first, { ...second, leaf: null }] as unknown as (typeof first)[]
      await assert.rejects(store.add(0, { entries: entries as never, subjects: [], tasks: [] }))
      assert.deepEqual(await everything(store), empty)
    })

    test('a question cannot change anything', async () => {
      const store = await open('reading')
      for (const statement of [
        'delete from projection_entries',
        'drop table projection_hours',
        'update projection_logs set projected = 7',
      ]) {
        await assert.rejects(store.query(statement, []), statement)
      }
    })

    test('what was put back from a backup is another log: its projection begins anew', async () => {
      const store = await open('restored')
      const log = new FakeLog().push({ ts: AT }, { ts: AT, type: 'call.denied' }, { ts: AT })
      await new Projector(store, log.folder).run()
      const restored = new FakeLog().push({ ts: AT }, { ts: AT })
      restored.entriesOf[1] = { ...(restored.entriesOf[1] as (typeof restored.entriesOf)[0]), leaf: 'other' }
      assert.equal((await new Projector(store, restored.folder).run()).projected, 2)
      restored.push({ ts: AT }, { ts: AT })
      await new Projector(store, restored.folder).run()
      const leaves = ((await everything(store)) as { projection_entries: { leaf: string }[] })
        .projection_entries
      assert.deepEqual(
        leaves.map(({ leaf }) => leaf),
        ['leaf 0', 'other', 'leaf 2', 'leaf 3'],
      )
    })

    test('what the gateway did for a task belongs to the agent whose task it is', async () => {
      const store = await open('owners')
      const bot = { kind: 'agent', agent: 'agt_bot', instance: 'ins_bot' } as const
      const log = new FakeLog().push(
        { ts: AT, type: 'task.opened', actor: bot, task: 'tsk_1' },
        {
          ts: AT,
          type: 'task.delegated',
          actor: bot,
          task: 'tsk_2',
          data: { parent: 'tsk_1', to_agent: 'agt_sub', to_instance: 'ins_sub' },
        },
      )
      await new Projector(store, log.folder).run()
      log.push(
        { ts: AT, type: 'lease.opened', task: 'tsk_2' },
        { ts: AT, type: 'task.closed', task: 'tsk_1' },
      )
      await new Projector(store, log.folder).run()
      const db = questionsOver(store.dialect, (text, parameters) => store.query(text, parameters))
      const rows = await db
        .selectFrom('projection_entries')
        .select(['agent', 'instance'])
        .where('log', '=', store.log)
        .where('actor', '=', 'gateway')
        .orderBy('seq')
        .execute()
      assert.deepEqual(rows, [
        { agent: 'agt_sub', instance: 'ins_sub' },
        { agent: 'agt_bot', instance: 'ins_bot' },
      ])
    })

    test('questions find what the log says: by agent, by subject, by task, by decision', async () => {
      const store = await open('asked')
      const log = new FakeLog().push(...visit('tsk_1', 'sbj_a'), ...visit('tsk_2', 'sbj_b'))
      await new Projector(store, log.folder).run()
      const db = questionsOver(store.dialect, (text, parameters) => store.query(text, parameters))
      const read = async (_log: string, index: number) => log.entriesOf[index]?.entry
      const indexes = (rows: readonly { index: number; log: string }[] | undefined) =>
        rows?.filter((row) => row.log === 'asked').map(({ index }) => index)
      const page = { count: 100 }
      assert.deepEqual(
        indexes((await did(db, { agent: 'agt_bot' }, page)).rows),
        [11, 10, 9, 7, 6, 5, 4, 3, 1, 0],
      )
      assert.deepEqual(indexes((await did(db, { agent: 'agt_bot', denied: true }, page)).rows), [9, 3])
      const [saw] = (await whoSaw(db, { subject: 'sbj_b' }, { count: 1 }, { read })).rows
      assert.deepEqual([saw?.index, saw?.person, saw?.purpose], [9, 'alice', 'visit'])
      const [, seen] = (await whoSaw(db, { subject: 'sbj_b' }, page, { read })).rows
      assert.deepEqual([seen?.index, seen?.outcome, seen?.outcome_index, seen?.ms], [7, 'ok', 8, 12])
      const told = await timeline(db, 'tsk_2', page, read)
      assert.deepEqual(indexes(told?.rows), [6, 7, 8, 9, 10, 11])
      const traced = await timeline(db, 'ab'.repeat(16), page, read)
      assert.deepEqual(indexes(traced?.rows), [1, 7])
      assert.deepEqual(indexes((await decisions(db, {}, page)).rows), [9, 7, 3, 1])
      const facts = await reportFacts(db, { since: AT, until: AT + 1 }, { read })
      assert.deepEqual(
        facts.agents.filter(({ agent }) => agent === 'agt_bot'),
        [{ agent: 'agt_bot', calls: 2, denied: 2, bytes: 80 }],
      )
      assert.deepEqual(facts.denials, [{ code: 'POLICY_FORBIDDEN', server: 'ehr', entries: 2 }])
      assert.deepEqual(indexes(facts.tasks.newest), [6, 0])
    })
  })
}

/** A task with a call that went through and one that policy refused. */
const visit = (task: string, subject: string): Partial<LogEntry>[] => {
  const actor = { kind: 'agent', agent: 'agt_bot', instance: 'ins_bot' } as const
  const about = { ts: AT, actor, task, subjects: [subject] } as const
  const call = { call: `cal_${task}`, server: 'ehr', name: 'read' }
  return [
    { ...about, type: 'task.opened', data: { purpose: 'visit', on_behalf_of: 'alice' } },
    { ...about, type: 'call.intent', trace: { id: 'ab'.repeat(16), span: '1'.repeat(16) }, data: call },
    { ...about, type: 'call.outcome', data: { call: call.call, result: 'ok', bytes: 40, ms: 12 } },
    { ...about, type: 'call.denied', data: { ...call, call: `cal_${task}_2`, code: 'POLICY_FORBIDDEN' } },
    { ts: AT, type: 'lease.opened', task, data: { server: 'ehr' } },
    { ts: AT, type: 'task.closed', task, data: { end: 'completed' } },
  ]
}
