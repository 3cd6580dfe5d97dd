import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatCheckpoint } from './checkpoint.ts'
import { GrowingTree } from './growing-tree.ts'
import { leafHash } from './merkle.ts'
import { TestSigner } from './testing.ts'
import { entriesPath, TILE_WIDTH } from './tiles.ts'
import { verifyLog } from './verify-log.ts'

test('a log that lost all its hashes gets a report that a person can read', async () => {
  const tiles = 40
  const entry = Buffer.from('entry')
  const tree = new GrowingTree()
  for (let i = 0; i < tiles * TILE_WIDTH; i++) tree.append(leafHash(entry))
  const signer = new TestSigner('log.example.org')
  const text = formatCheckpoint({ origin: 'log.example.org', size: tree.size, root: tree.root() })
  const bundle = Buffer.concat(Array.from({ length: TILE_WIDTH }, () => Buffer.from('\0\x05entry')))
  const files = new Map<string, Uint8Array>([['checkpoint', Buffer.from(`${text}\n${signer.line(text)}`)]])
  for (let tile = 0; tile < tiles; tile++) files.set(entriesPath(tile), bundle)
  const report = await verifyLog(async (path) => files.get(path), { vkey: signer.vkey })
  assert.equal(report.ok, false)
  assert.equal(report.problems.length, 20)
  assert.deepEqual(new Set(report.problems.map(({ kind }) => kind)), new Set(['missing']))
})
