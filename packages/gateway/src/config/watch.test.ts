import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadConfig } from './load.ts'
import type { Reload } from './watch.ts'
import { watchConfig } from './watch.ts'

test('a change is noticed also when an editor replaces the file, and a broken file is told of', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'ostiary-watch-'))
  const path = join(dir, 'ostiary.yaml')
  writeFileSync(path, 'version: 1\n')
  let told = Promise.withResolvers<Reload>()
  const next = async (write: () => void) => {
    told = Promise.withResolvers()
    write()
    return await told.promise
  }
  const watching = watchConfig(loadConfig(path), (reload) => told.resolve(reload))
  try {
    const replaced = await next(() => {
      writeFileSync(join(dir, 'new'), 'version: 1\nworkers: 2\n')
      renameSync(join(dir, 'new'), path)
    })
    assert.ok('ok' in replaced)
    assert.equal(replaced.ok.config.workers, 2)
    const broken = await next(() => writeFileSync(path, 'version: 1\nworker: 2\n'))
    assert.ok('error' in broken)
    assert.match(broken.error.message, /did you mean `workers`/)
    const mended = await next(() => writeFileSync(path, 'version: 1\nworkers: 2\n'))
    assert.ok('ok' in mended)
  } finally {
    watching[Symbol.dispose]()
    rmSync(dir, { recursive: true, force: true })
  }
})
