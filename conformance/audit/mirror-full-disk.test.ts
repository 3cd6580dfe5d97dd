import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { directoryStore } from '../../packages/gateway/src/audit/mirror/directory.ts'
import { LogMirror } from '../../packages/gateway/src/audit/mirror/mirror.ts'
import { verifyMirror } from '../../packages/gateway/src/audit/mirror/verify.ts'
import { event, LogBench, MemoryDisk } from '../../packages/gateway/src/audit/testing.ts'

const run = (command: string, ...args: string[]): boolean => spawnSync(command, args).status === 0

test('a full disk under the mirror is told, keeps what the mirror had, and the copy goes on when there is room', async (t) => {
  const second = mkdtempSync(join(tmpdir(), 'ostiary-small-'))
  if (!run('mount', '-t', 'tmpfs', '-o', 'size=1m,mode=0700', 'tmpfs', second)) {
    rmSync(second, { recursive: true })
    return t.skip('a small file system cannot be mounted here (needs root)')
  }
  try {
    using bench = new LogBench()
    const disk = new MemoryDisk()
    const log = await bench.open(disk)
    const store = directoryStore(second, 'log')
    const told: string[] = []
    const mirror = new LogMirror({
      log,
      recorder: log as never,
      files: disk,
      dir: bench.path(''),
      store,
      placeFile: join(bench.dir, 'mirror.json'),
      clock: { now: Date.now },
      onProblem: (problem) => told.push(problem),
    })
    const append = (count: number) =>
      Promise.all(Array.from({ length: count }, (_, n) => log.append(event(n))))
    await append(300)
    await mirror.round()
    const before = mirror.size
    const ballast = join(second, 'ballast')
    writeFileSync(ballast, Buffer.alloc(700_000))
    for (let n = 0; n < 5; n++) await append(1000)
    await mirror.round()
    assert.equal(mirror.status().state, 'failing')
    assert.match(told[0] as string, /the disk is full/)
    const half = await verifyMirror((path) => store.get(path), { vkey: log.vkey })
    assert.deepEqual([half.problems, half.size], [[], before])
    rmSync(ballast)
    await mirror.round()
    assert.equal(mirror.status().state, 'current')
    const whole = await verifyMirror((path) => store.get(path), { vkey: log.vkey, held: log.checkpoint() })
    assert.deepEqual([whole.problems, whole.size], [[], mirror.size])
    await log.close()
  } finally {
    run('umount', second)
    rmSync(second, { recursive: true, force: true })
  }
})
