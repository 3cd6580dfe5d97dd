import assert from 'node:assert/strict'
import { test } from 'node:test'
import { entriesPath, tilePath } from '@ostiary/evidence'
import fc from 'fast-check'
import { logFile } from './log-file.ts'

test('every file of the tile layout is found by its name', () => {
  assert.deepEqual(logFile('checkpoint'), { path: 'checkpoint', kind: 'checkpoint' })
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 63 }),
      fc.nat(10 ** 15),
      fc.integer({ min: 1, max: 256 }),
      (level, n, w) => {
        assert.deepEqual(logFile(tilePath(level, n, w)), { path: tilePath(level, n, w), kind: 'hashes' })
        assert.deepEqual(logFile(entriesPath(n, w)), { path: entriesPath(n, w), kind: 'entries' })
      },
    ),
  )
})

test('nothing else is a file of the log, however it is spelled', () => {
  for (const path of [
    '',
    '/checkpoint',
    'vkey',
    'journal/0000000000000000-000000000001.wal',
    'checkpoint/..',
    'tile/../journal/x',
    'tile/0/../../vkey',
    'tile/0/000/../001',
    'tile/0/%2e%2e/000',
    'tile/0/..',
    'tile/0/0',
    'tile/0/0000',
    'tile/0/001/000',
    'tile/0/x000/000',
    'tile/00/000',
    'tile/64/000',
    'tile/0/000.p/0',
    'tile/0/000.p/256',
    'tile/0/000.p/01',
    'tile/0/000.p/',
    'tile/0/000.tmp',
    'tile/entries/000\n',
    'tile/entries/000\0',
    'tile/0/x999/x999/x999/x999/x999/x999/999',
  ])
    assert.equal(logFile(path), undefined, JSON.stringify(path))
  fc.assert(
    fc.property(fc.string(), (text) => {
      const found = logFile(`tile/${text}`)
      if (found) assert.match(found.path, /^tile\/(entries|\d+)\/[x\d/]+(\.p\/\d+)?$/)
    }),
  )
})
