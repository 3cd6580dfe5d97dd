import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { LeafEvent } from '../entry.ts'
import { AuditLog } from '../log.ts'
import { LogFolder } from '../log-folder.ts'
import { questionsOver } from '../projection/over.ts'
import { openProjection } from '../projection/place.ts'
import { Projector } from '../projection/projector.ts'
import type { Tables } from '../questions/asked.ts'
import { did } from '../questions/did.ts'
import { timeline } from '../questions/timeline.ts'
import { whoSaw } from '../questions/who-saw.ts'
import { fileSigner } from '../signers/file.ts'
import { exportParquet, RangeTaken } from './export.ts'
import { closedMonths } from './months.ts'
import type { ParquetTables } from './tables.ts'
import { NoParquet, openParquet } from './tables.ts'

const ORIGIN = 'log.example.org/one'
const DAY = 86_400_000
const START = Date.UTC(2026, 7, 20)
const bot = { kind: 'agent', agent: 'agt_bot', instance: 'ins_bot' } as const
const HOSTILE = "'; copy (select 1) to '/tmp/owned'; --"

/** Days of August, September and October: a task a day, with calls about one of two subjects. */
function* events(): Generator<[number, LeafEvent]> {
  for (let day = 0; day < 60; day++) {
    const task = `tsk_${String(day).padStart(3, '0')}`
    const at = START + day * DAY
    yield [at, { type: 'task.opened', actor: bot, task, data: { purpose: 'visit', on_behalf_of: 'alice' } }]
    for (let n = 0; n < 5; n++) {
      const call = `cal_${task}_${n}`
      const about = { task, subjects: [`sbj_${n % 2}`] }
      const what = { call, server: 'ehr', name: n === 4 ? HOSTILE : 'read' }
      if (n === 4)
        yield [at, { type: 'call.denied', actor: bot, ...about, data: { ...what, code: 'TOOL_UNKNOWN' } }]
      else {
        yield [at, { type: 'call.intent', actor: bot, ...about, data: what }]
        yield [
          at,
          { type: 'call.outcome', actor: bot, ...about, data: { call, result: 'ok', bytes: 10 * n, ms: n } },
        ]
      }
    }
    yield [at, { type: 'lease.opened', actor: { kind: 'gateway' }, task, data: { server: 'ehr' } }]
  }
}

let dir: string
let folder: LogFolder
let parquet: ParquetTables
let sqlite: Tables
const cleanup = new AsyncDisposableStack()

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ostiary-parquet-'))
  cleanup.defer(() => rm(dir, { recursive: true, force: true }))
  let now = START
  const log = await AuditLog.open({
    dir,
    signer: fileSigner(join(dir, 'keys', 'log.key'), ORIGIN),
    clock: { now: () => now },
  })
  for (const [at, event] of events()) {
    now = at
    await log.append(event)
  }
  await log.close()
  folder = await LogFolder.at(join(dir, 'log'))
  const store = cleanup.use(
    await openProjection({ kind: 'sqlite', path: join(dir, 'projection.db') }, ORIGIN),
  )
  await new Projector(store, folder).run()
  sqlite = questionsOver('sqlite', (sql, parameters) => store.query(sql, parameters))
  const months = await closedMonths(folder, Date.UTC(2027, 0, 1))
  assert.deepEqual(
    months.map(({ month }) => month),
    ['2026-08', '2026-09', '2026-10'],
  )
  await exportParquet(folder, join(dir, "it's parquet"), months)
  parquet = cleanup.use(await openParquet(join(dir, "it's parquet")))
})

after(() => cleanup.disposeAsync())

const read = async (_log: string, index: number) => (await folder.entries(index, index + 1))[0]?.entry

test('files of Parquet give the answers that the tables give, page by page', async () => {
  const ask = async (db: Tables) => {
    const answers: unknown[] = []
    for (const count of [7, 1000]) {
      let after: { ts: number; seq: number; log: number } | undefined
      for (;;) {
        const { rows, next } = await did(db, { agent: 'agt_bot', tool: 'ehr' }, { count, after })
        answers.push(...rows)
        if (next === undefined) break
        const [ts, seq, log] = next.split('.').map(Number) as [number, number, number]
        after = { ts, seq, log }
      }
    }
    const span = { since: START + 5 * DAY, until: START + 40 * DAY }
    answers.push((await whoSaw(db, { subject: 'sbj_1', ...span }, { count: 100 }, { read })).rows)
    answers.push((await did(db, { agent: 'agt_bot', denied: true }, { count: 10 })).rows)
    const told = await timeline(db, 'tsk_033', { count: 100 }, read)
    answers.push(told?.rows, told?.tasks)
    return answers
  }
  const expected = await ask(sqlite)
  assert.ok(expected.length > 500)
  assert.deepEqual(await ask(parquet.db), expected)
})

test('the files say which entries they hold, and what is there is neither written twice nor overlapped', async () => {
  const { size } = await folder.checkpoint()
  assert.deepEqual(parquet.covers, [{ log: ORIGIN, from: 0, size }])
  const out = join(dir, "it's parquet")
  const before = await readdir(out)
  assert.equal(before.length, 9)
  assert.deepEqual(await exportParquet(folder, out, await closedMonths(folder, Date.UTC(2027, 0, 1))), [])
  await assert.rejects(exportParquet(folder, out, [{ from: 3, to: 9 }]), RangeTaken)
  assert.deepEqual(await readdir(out), before)
})

test('two logs of the same length in one folder are both written', async () => {
  const out = join(dir, 'both')
  const range = [{ from: 0, to: 4 }]
  const other = new LogFolder(join(dir, 'log'), '')
  other.checkpoint = async () => ({ ...(await folder.checkpoint()), origin: 'log.example.org/two' })
  other.entries = (from, to) => folder.entries(from, to)
  for (const log of [folder, other]) assert.equal((await exportParquet(log, out, range)).length, 1)
  await using both = await openParquet(out)
  assert.deepEqual(
    both.covers.map(({ log, from, size }) => [log, from, size]),
    [
      [ORIGIN, 0, 4],
      ['log.example.org/two', 0, 4],
    ],
  )
})

test('a month is written only when it is over, and alone when asked for', async () => {
  const inOctober = Date.UTC(2026, 9, 10)
  assert.deepEqual(
    (await closedMonths(folder, inOctober)).map(({ month }) => month),
    ['2026-08', '2026-09'],
  )
  const [september] = await closedMonths(folder, inOctober, '2026-09')
  assert.ok(september)
  const out = join(dir, 'september')
  await exportParquet(folder, out, [september])
  await using only = await openParquet(out)
  assert.deepEqual(only.covers, [{ log: ORIGIN, from: september.from, size: september.to }])
  // The task was opened in the month before, and the lease still belongs to its agent.
  const { rows } = await did(only.db, { agent: 'agt_bot' }, { count: 1000 })
  assert.ok(rows.filter(({ type }) => type === 'lease.opened').length >= 29)
})

test('a question put to files reads no other file and changes none', async () => {
  const secret = join(dir, 'secret.csv')
  await writeFile(secret, 'a,b\n1,2\n')
  const { rows } = await did(parquet.db, { agent: HOSTILE, tool: `${HOSTILE}/${HOSTILE}` }, { count: 5 })
  assert.deepEqual(rows, [])
  const { sql } = await import('kysely')
  for (const statement of [
    `select * from read_csv('${secret}')`,
    `copy (select 1) to '${join(tmpdir(), 'owned.csv')}'`,
    'set enable_external_access = true',
    'install httpfs',
  ]) {
    await assert.rejects(sql.raw(statement).execute(parquet.db), statement)
  }
})

test('a folder without such files is named', async () => {
  await assert.rejects(openParquet(join(dir, 'log')), NoParquet)
  await assert.rejects(openParquet(join(dir, 'nowhere')), /ostiary audit export/)
})

test('the command that installs DuckDB names the version that is tested', async () => {
  const { peerDependencies } = JSON.parse(await readFile('packages/gateway/package.json', 'utf8'))
  const command = `npm install @duckdb/node-api@${peerDependencies['@duckdb/node-api']}`
  for (const path of ['docs/how-to/answer-who-saw-what.md', 'packages/gateway/src/audit/parquet/duckdb.ts'])
    assert.ok((await readFile(path, 'utf8')).includes(command), path)
})
