import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { cpSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { verifyLog } from '../../packages/evidence/src/index.ts'
import { diskFiles } from '../../packages/gateway/src/audit/files.ts'
import { event, LogBench } from '../../packages/gateway/src/audit/testing.ts'

const WRITER = resolve('conformance/support/log-writer.ts')
/** Of the log before each run: the work fills its first tile. */
const SIZE = 253

interface Said {
  readonly index?: number
  readonly leaf?: string
  readonly body?: string
  readonly signed?: string
  readonly calls?: number
}

/** Runs the writer until it dies or ends. @returns what it had said */
async function run(dir: string, at: number): Promise<Said[]> {
  const child = spawn(process.execPath, [WRITER, dir, String(at)], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part
  })
  const [code, signal] = await new Promise<[number | null, string | null]>((ended) =>
    child.once('close', (...how) => ended(how)),
  )
  assert.ok(code === 0 || signal === 'SIGKILL', `the writer ended with ${code}`)
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Said)
}

/** A new process on what the killed one left: nothing it acknowledged is lost, everything it signed is still true, and it goes on. */
async function recovered(bench: LogBench, said: readonly Said[], what: string): Promise<void> {
  const log = await bench.open(diskFiles)
  for (const { index, leaf, body } of said) {
    if (index === undefined) continue
    assert.equal((await log.read(index)).leaf, leaf, `${what}: entry ${index}`)
    const found = await log.body(index)
    assert.equal(found && Buffer.from(found).toString('base64url'), body, `${what}: body ${index}`)
  }
  const { index } = await log.append(event(99))
  assert.equal(index + 1, log.size)
  await log.close()
  const read = (path: string) => readFile(bench.path(path)).catch(() => undefined)
  const signed = said.flatMap((line) => line.signed ?? [])
  for (const held of [...signed, log.checkpoint()]) {
    const report = await verifyLog(read, { vkey: log.vkey, held })
    assert.deepEqual(report.problems, [], what)
  }
}

test('a process that is killed at any call of the file system, in the middle of a write too, loses nothing it acknowledged and forks nothing it signed', async (t) => {
  using prepared = new LogBench()
  const log = await prepared.open(diskFiles)
  await Promise.all(Array.from({ length: SIZE - 1 }, (_, n) => log.append(event(n))))
  await log.close()
  // Everything is in tiles; a segment more for each copy would only be in the way.
  rmSync(prepared.path('journal'), { recursive: true })

  const attempt = async (at: number): Promise<number | undefined> => {
    using bench = new LogBench()
    cpSync(prepared.dir, bench.dir, { recursive: true })
    const said = await run(bench.dir, at)
    await recovered(bench, said, `killed at call ${at}`)
    return said.find(({ calls }) => calls !== undefined)?.calls
  }
  const calls = (await attempt(-1)) as number
  const killed = Array.from({ length: calls }, (_, at) => at)
  const workers = Array.from({ length: 2 }, async () => {
    for (let at = killed.shift(); at !== undefined; at = killed.shift())
      assert.equal(await attempt(at), undefined)
  })
  await Promise.all(workers)
  t.diagnostic(`killed at each of ${calls} calls`)
  assert.ok(calls > 60)
})
