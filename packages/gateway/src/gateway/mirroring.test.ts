import assert from 'node:assert/strict'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pino } from 'pino'
import { diskFiles } from '../audit/files.ts'
import { LogBench } from '../audit/testing.ts'
import type { Loaded } from '../config/load.ts'
import type { Recorder } from '../model/evidence.ts'
import { Mirroring } from './mirroring.ts'

test('a clock that is set back does not make an old copy look new', async () => {
  using bench = new LogBench()
  const second = join(bench.dir, 'second')
  mkdirSync(second)
  const clock = { time: 1_700_000_000_000, now: () => clock.time }
  const log = await bench.open(diskFiles, { clock })
  const config = { directory: second, every: '1h', required: true, max_behind: '2h' }
  await using mirroring = new Mirroring(config, {
    loaded: { dataDir: bench.dir, dir: bench.dir } as Loaded,
    log,
    recorder: log as Recorder,
    clock,
    logger: pino({ enabled: false }),
    resolve: () => Promise.reject(new Error('no secret is needed')),
  })
  while (mirroring.status().state !== 'current') await new Promise((resolve) => setImmediate(resolve))
  assert.equal(mirroring.whyRefuse(), undefined)
  clock.time += 7_200_001
  assert.equal(mirroring.whyRefuse()?.code, 'MIRROR_BEHIND')
  clock.time -= 86_400_000
  assert.equal(mirroring.whyRefuse()?.code, 'MIRROR_BEHIND')
  await log.close()
  rmSync(second, { recursive: true })
})
