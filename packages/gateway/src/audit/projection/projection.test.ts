import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { LeafEvent } from '../entry.ts'
import { AuditLog } from '../log.ts'
import { fileSigner } from '../signers/file.ts'
import { Projection } from './projection.ts'

const call = (n: number): LeafEvent => ({
  type: 'call.intent',
  actor: { kind: 'agent', agent: 'agt_bot', instance: 'ins_bot' },
  data: { call: `cal_${n}`, server: 'files', name: 'read' },
})

const openLog = (dir: string): Promise<AuditLog> =>
  AuditLog.open({
    dir,
    signer: fileSigner(join(dir, 'keys', 'log.key'), 'log.example.org'),
    clock: { now: () => Date.now() },
  })

/** A real log, and the tables that follow it in their thread. */
class Bench implements AsyncDisposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'ostiary-projection-'))
  readonly path = join(this.dir, 'projection.db')
  readonly problems: (string | undefined)[] = []
  readonly #stack = new AsyncDisposableStack()

  async open(): Promise<{ log: AuditLog; projection: Projection }> {
    const log = await openLog(this.dir)
    this.#stack.defer(() => log.close())
    const projection = this.#stack.use(
      new Projection({
        log,
        logDir: join(this.dir, 'log'),
        place: { kind: 'sqlite', path: this.path },
        onProblem: (problem) => this.problems.push(problem),
      }),
    )
    return { log, projection }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync()
    rmSync(this.dir, { recursive: true, force: true })
  }
}

const countOf = (projection: Projection): Promise<number> =>
  projection.ask(async (db) => {
    const row = await db
      .selectFrom('projection_entries')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .executeTakeFirst()
    return Number(row?.count)
  })

test('what was acknowledged is in the answer to the next question', async () => {
  await using bench = new Bench()
  const { log, projection } = await bench.open()
  for (let n = 0; n < 30; n++) {
    const { index } = await log.append(call(n))
    assert.equal(await projection.ask(async (_db, size) => size), index + 1)
    assert.equal(await countOf(projection), index + 1)
  }
})

test('the owner’s event loop does not wait for the projection', async () => {
  await using bench = new Bench()
  const { log, projection } = await bench.open()
  await Promise.all(Array.from({ length: 4000 }, (_, n) => log.append(call(n))))
  await log.publish()
  let turns = 0
  let isOver = false
  const turn = () => {
    turns++
    if (!isOver) setImmediate(turn)
  }
  turn()
  assert.equal(await countOf(projection), log.size)
  isOver = true
  // In this thread there would be one turn for each of the eight batches.
  assert.ok(turns > 100, `${turns} turns`)
})

test('an answer that was begun before the tables were emptied is not given', async () => {
  await using bench = new Bench()
  const { log, projection } = await bench.open()
  await Promise.all(Array.from({ length: 3000 }, (_, n) => log.append(call(n))))
  assert.equal(await countOf(projection), log.size)
  for (let n = 0; n < 5; n++) {
    const [before, , during] = await Promise.all([
      countOf(projection),
      projection.rebuild(),
      countOf(projection),
    ])
    assert.deepEqual([before, during], [log.size, log.size])
  }
})

test('a file that is none of ours is begun anew, and nothing but questions notices', async () => {
  await using bench = new Bench()
  writeFileSync(bench.path, 'no database at all '.repeat(1000))
  const { log, projection } = await bench.open()
  await log.append(call(0))
  assert.equal(await countOf(projection), log.size)
})

test('a place that cannot be had breaks questions and not the log, and is tried again', async () => {
  await using bench = new Bench()
  const log = await openLog(bench.dir)
  const problems: (string | undefined)[] = []
  await using projection = new Projection({
    log,
    logDir: join(bench.dir, 'log'),
    place: { kind: 'postgres', url: 'postgres://ostiary:s3cret-of-theirs@127.0.0.1:1/nowhere' },
    onProblem: (problem) => problems.push(problem),
  })
  await log.append(call(0))
  await assert.rejects(
    countOf(projection),
    /searchable tables cannot be used: The database at 127\.0\.0\.1:1/,
  )
  assert.equal((await log.append(call(1))).index, 2)
  assert.equal(problems.length, 1)
  assert.doesNotMatch(String(problems[0]), /s3cret/)
  await log.close()
})

test('while no checkpoint can be signed, answers cover what the last one covers', async () => {
  await using bench = new Bench()
  const { log, projection } = await bench.open()
  const size = await projection.ask(async (_db, covered) => covered)
  log.publish = () => Promise.reject(new Error('the signer is away'))
  await log.append(call(0))
  assert.equal(await countOf(projection), size)
})
