import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { LogFolder } from '../../packages/gateway/src/audit/log-folder.ts'
import { questionsOver } from '../../packages/gateway/src/audit/projection/over.ts'
import type { ProjectionPlace } from '../../packages/gateway/src/audit/projection/place.ts'
import { openProjection } from '../../packages/gateway/src/audit/projection/place.ts'
import { Projector } from '../../packages/gateway/src/audit/projection/projector.ts'
import type { Tables } from '../../packages/gateway/src/audit/questions/asked.ts'
import { decisions } from '../../packages/gateway/src/audit/questions/decisions.ts'
import { did } from '../../packages/gateway/src/audit/questions/did.ts'
import { reportFacts } from '../../packages/gateway/src/audit/questions/report.ts'
import type { ReadEntry } from '../../packages/gateway/src/audit/questions/task-words.ts'
import { timeline } from '../../packages/gateway/src/audit/questions/timeline.ts'
import { whoSaw } from '../../packages/gateway/src/audit/questions/who-saw.ts'
import { generateLog } from './generate.ts'
import { agentId, DEFAULT_WORK, subjectId } from './work.ts'

/** Rebuilds the searchable tables from a log of the given size and asks the questions of them. */
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    entries: { type: 'string', default: '1000000' },
    postgres: { type: 'string' },
    runs: { type: 'string', default: '200' },
  },
})
const [dir] = positionals
if (dir === undefined)
  throw new Error(
    'usage: node bench/audit/questions.ts <folder> [--entries 1000000] [--postgres URL] [--runs 200]',
  )
const print = (line: string) => process.stdout.write(`${line}\n`)

if (!existsSync(join(dir, 'log', 'checkpoint')))
  print(`| log written | ${(await generateLog(dir, Number(values.entries))).toFixed(0)} s |`)
const folder = await LogFolder.at(join(dir, 'log'))
const { origin, size } = await folder.checkpoint()
print(`| entries | ${size} |`)

const path = join(dir, 'projection.db')
for (const part of ['', '-wal', '-shm']) rmSync(`${path}${part}`, { force: true })
await measure({ kind: 'sqlite', path })
if (values.postgres !== undefined) await measure({ kind: 'postgres', url: values.postgres })

async function measure(place: ProjectionPlace): Promise<void> {
  await using store = await openProjection(place, origin)
  const projector = new Projector(store, folder)
  await projector.clear()
  print(`\n### ${place.kind}\n`)
  const began = performance.now()
  await projector.run(({ projected }) => {
    if (projected % 1_048_576 === 0) process.stderr.write(`${projected}\n`)
  })
  const seconds = (performance.now() - began) / 1000
  const db = questionsOver(store.dialect, (sql, parameters) => store.query(sql, parameters))
  const bytes = await store.query(
    place.kind === 'sqlite'
      ? 'select page_count * page_size as bytes from pragma_page_count(), pragma_page_size()'
      : "select sum(pg_total_relation_size(oid))::bigint as bytes from pg_class where relname like 'projection_%' and relkind in ('r', 'm')",
    [],
  )
  print(`| rebuild | ${seconds.toFixed(0)} s, ${Math.round(size / seconds)} entries/s, indexes included |`)
  print(
    `| size | ${(Number(bytes[0]?.bytes) / 1e9).toFixed(2)} GB, ${Math.round(Number(bytes[0]?.bytes) / size)} bytes an entry |`,
  )
  print('\n| question | p50 ms | p99 ms | max ms | rows |\n|---|---|---|---|---|')
  const tasks = await someTasks(db)
  const runs = Number(values.runs)
  for (const [name, ask] of Object.entries(questions(db, tasks))) {
    const times: number[] = []
    let rows = 0
    for (let n = 0; n < (name.startsWith('report') ? 10 : runs); n++) {
      const start = performance.now()
      rows = await ask(n)
      times.push(performance.now() - start)
    }
    times.sort((a, b) => a - b)
    const at = (share: number) =>
      (times[Math.min(times.length - 1, Math.floor(times.length * share))] as number).toFixed(1)
    print(`| ${name} | ${at(0.5)} | ${at(0.99)} | ${at(1)} | ${rows} |`)
  }
}

function questions(db: Tables, tasks: readonly string[]): Record<string, (n: number) => Promise<number>> {
  const read: ReadEntry = async (_log, index) => (await folder.entries(index, index + 1))[0]?.entry
  const page = { count: 100 }
  const agent = (n: number) => agentId(n % DEFAULT_WORK.agents)
  const subject = (n: number) => subjectId((n * 7919) % DEFAULT_WORK.subjects)
  const until = Date.UTC(2026, 0, 1) + size * DEFAULT_WORK.step
  const since = until - 30 * 86_400_000
  return {
    'who-saw, newest 100': async (n) =>
      (await whoSaw(db, { subject: subject(n) }, page, { read })).rows.length,
    'did, newest 100': async (n) => (await did(db, { agent: agent(n) }, page)).rows.length,
    'did, one day': async (n) => {
      const from = until - ((n * 37) % 300) * 86_400_000
      return (await did(db, { agent: agent(n), since: from - 86_400_000, until: from }, page)).rows.length
    },
    'did, one tool': async (n) => (await did(db, { agent: agent(n), tool: 'mail/send' }, page)).rows.length,
    'did, only denials': async (n) => (await did(db, { agent: agent(n), denied: true }, page)).rows.length,
    'did, a tool it never used': async (n) =>
      (await did(db, { agent: agent(n), tool: 'nobody/has' }, page)).rows.length,
    'timeline of a task': async (n) =>
      (await timeline(db, tasks[n % tasks.length] as string, page, read))?.rows.length ?? 0,
    'decisions for diff-policy, newest 1000': async () =>
      (await decisions(db, {}, { count: 1000 })).rows.length,
    'report of 30 days': async () => (await reportFacts(db, { since, until }, { read })).calls.length,
    'report of everything': async () => (await reportFacts(db, { since: 0, until }, { read })).calls.length,
  }
}

/** From all over the log. */
async function someTasks(db: Tables): Promise<string[]> {
  const found: string[] = []
  for (let n = 0; n < 200; n++) {
    const row = await db
      .selectFrom('projection_entries')
      .select('task')
      .where('seq', '>=', Math.floor((n / 200) * size))
      .where('task', 'is not', null)
      .orderBy('seq')
      .limit(1)
      .executeTakeFirst()
    if (row?.task) found.push(row.task)
  }
  return found
}
