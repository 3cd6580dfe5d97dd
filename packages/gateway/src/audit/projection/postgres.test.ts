import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { run, withoutPostgres } from '../../store/testing.ts'
import { AuditLog } from '../log.ts'
import { did } from '../questions/did.ts'
import { fileSigner } from '../signers/file.ts'
import { questionsOver } from './over.ts'
import { monthOf, monthsFor } from './partitions.ts'
import { openPostgresProjection } from './postgres.ts'
import { Projection } from './projection.ts'
import { Projector } from './projector.ts'
import type { ProjectionStore } from './store.ts'
import { everything, FakeLog, postgresPlace } from './testing.ts'

const skip = withoutPostgres()
const NOW = Date.UTC(2026, 10, 25)
const bot = { kind: 'agent', agent: 'agt_bot', instance: 'ins_bot' } as const

const partitionsOf = async (store: ProjectionStore): Promise<string[]> =>
  (
    await store.query(
      "select inhrelid::regclass::text as name from pg_inherits where inhparent = 'projection_entries'::regclass order by 1",
      [],
    )
  ).map(({ name }) => String(name))

test('there are partitions for two months ahead, and for every month that entries come from', () => {
  const names = monthsFor([Date.UTC(2025, 0, 31), Date.UTC(2025, 0, 1), Date.UTC(2190, 0, 1)], NOW).map(
    ({ name }) => name,
  )
  assert.deepEqual(names, ['2026_11', '2026_12', '2027_01', '2025_01'])
  assert.equal(monthOf(Date.UTC(2026, 11, 31, 23, 59)).to, Date.UTC(2027, 0, 1))
})

test('entries of each month are in its partition, and a clock that runs wild alarms', { skip }, async () => {
  const at = await postgresPlace()
  try {
    await using store = await openPostgresProjection((at.place as { url: string }).url, 'one', () => NOW)
    const log = new FakeLog().push({ ts: Date.UTC(2026, 8, 30) }, { ts: Date.UTC(2026, 9, 1) })
    assert.equal((await new Projector(store, log.folder).run()).warning, undefined)
    const months = ['2026_09', '2026_10', '2026_11', '2026_12', '2027_01'].map(
      (name) => `projection_entries_${name}`,
    )
    assert.deepEqual(await partitionsOf(store), [...months, 'projection_entries_default'])
    const [row] = await store.query('select count(*) as count from projection_entries_2026_10', [])
    assert.equal(row?.count, 1)

    log.push({ ts: Date.UTC(2190, 0, 1) }, { ts: NOW })
    assert.match(String((await new Projector(store, log.folder).run()).warning), /clocks/)
    const { projection_entries } = (await everything(store)) as { projection_entries: unknown[] }
    assert.equal(projection_entries.length, 4)
  } finally {
    await at.dispose()
  }
})

test('tables that warn of a clock still answer, with the newest entries', { skip }, async () => {
  const at = await postgresPlace()
  const dir = mkdtempSync(join(tmpdir(), 'ostiary-projection-'))
  let now = Date.UTC(2190, 0, 1)
  try {
    await using stack = new AsyncDisposableStack()
    const signer = fileSigner(join(dir, 'keys', 'log.key'), 'log.example.org')
    const log = await AuditLog.open({ dir, signer, clock: { now: () => now } })
    stack.defer(() => log.close())
    const deps = { log, logDir: join(dir, 'log'), place: at.place, onProblem: () => {} }
    const projection = stack.use(new Projection(deps))
    const append = () => log.append({ type: 'call.intent', actor: { kind: 'gateway' }, data: {} })
    await append()
    now = NOW
    for (let n = 0; n < 3; n++) {
      const { index } = await append()
      assert.equal(await projection.ask(async (_db, size) => size), index + 1)
      assert.match(projection.state.warning ?? '', /clocks/)
      assert.equal(projection.state.problem, undefined)
    }
  } finally {
    await at.dispose()
    rmSync(dir, { recursive: true, force: true })
  }
})

test('gateways that share a database answer for all of them, and one rebuilds without the others', {
  skip,
}, async () => {
  const at = await postgresPlace()
  try {
    await using one = await at.open('log.example.org/one')
    await using two = await at.open('log.example.org/two')
    const log = new FakeLog().push({ ts: NOW, actor: bot }, { ts: NOW + 1, actor: bot })
    const other = new FakeLog().push({ ts: NOW, actor: bot })
    await new Projector(one, log.folder).run()
    await new Projector(two, other.folder).run()
    const db = questionsOver('postgres', (sql, parameters) => one.query(sql, parameters))
    const before = await did(db, { agent: 'agt_bot' }, { count: 10 })
    assert.deepEqual(
      before.rows.map(({ log: name, index }) => [name, index]),
      [
        ['log.example.org/one', 1],
        ['log.example.org/two', 0],
        ['log.example.org/one', 0],
      ],
    )
    assert.deepEqual(before.covers, [
      { log: 'log.example.org/one', size: 2 },
      { log: 'log.example.org/two', size: 1 },
    ])
    await one.clear()
    assert.equal((await did(db, { agent: 'agt_bot' }, { count: 10 })).rows.length, 1)
    await new Projector(one, log.folder).run()
    assert.deepEqual(await did(db, { agent: 'agt_bot' }, { count: 10 }), before)
  } finally {
    await at.dispose()
  }
})

test('tables of another version are made anew', { skip }, async () => {
  const at = await postgresPlace()
  try {
    const { url } = at.place as { url: string }
    const log = new FakeLog().push({ ts: NOW })
    {
      await using store = await at.open()
      await new Projector(store, log.folder).run()
    }
    await run(url, 'update projection_version set version = 0')
    await using store = await at.open()
    assert.deepEqual(((await everything(store)) as { projection_entries: unknown[] }).projection_entries, [])
    assert.equal((await new Projector(store, log.folder).run()).projected, 1)
  } finally {
    await at.dispose()
  }
})
