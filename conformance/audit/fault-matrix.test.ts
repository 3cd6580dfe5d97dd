import assert from 'node:assert/strict'
import { hash, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { Checkpoint } from '../../packages/evidence/src/index.ts'
import {
  bodiesPath,
  GrowingTree,
  parseCheckpoint,
  TILE_WIDTH,
  tilePath,
  verifyLog,
} from '../../packages/evidence/src/index.ts'
import { filesOn } from '../../packages/gateway/src/audit/files.ts'
import type { AuditLog } from '../../packages/gateway/src/audit/log.ts'
import { LogBench } from '../../packages/gateway/src/audit/testing.ts'
import { equalBytes } from '../../packages/gateway/src/lib/bytes.ts'
import { AuditUnavailable } from '../../packages/gateway/src/model/evidence.ts'
import type { Break, Crash } from '../support/breaking-disk.ts'
import { BreakingDisk, CRASHES, FAILURES } from '../support/breaking-disk.ts'

/**
 * Every call of the file system that the log makes fails in every way, and then the machine or the process dies, in every way. Whatever was
 * acknowledged is there, nothing that was refused has come back in its place, and every checkpoint that was ever signed is a beginning of
 * the log that is found.
 */

interface Kept {
  readonly leaf: string
  readonly body: Buffer | undefined
}

/** What callers were told, and what the key has signed. */
class Witnessed {
  readonly acknowledged = new Map<number, Kept>()
  readonly signed = new Set<string>()
  refused = 0

  async append(log: AuditLog, n: number): Promise<void> {
    const body = n % 3 === 0 ? randomBytes(300) : undefined
    const reference = body && { sha256: hash('sha256', body, 'base64url'), commitment: 'x', keys: ['key_1'] }
    const event = {
      type: 'call.intent' as const,
      actor: { kind: 'gateway' as const },
      data: { n },
      ...(reference === undefined ? {} : { body: reference }),
    }
    try {
      const { index, leaf } = await log.append(event, body)
      assert.ok(!this.acknowledged.has(index), `index ${index} was given out twice`)
      this.acknowledged.set(index, { leaf, body })
    } catch (error) {
      assert.ok(error instanceof AuditUnavailable, String(error))
      this.refused++
    }
  }
}

/** A checkpoint counts as signed from the moment in which its bytes leave for the disk. */
function watch(disk: BreakingDisk, { signed }: Witnessed): void {
  disk.onWrite = (path, data) => {
    if (path.endsWith('/checkpoint.tmp')) signed.add(Buffer.from(data).toString('utf8'))
  }
}

/** Single entries and groups, with bodies and without, a tile that fills up, checkpoints between; then the crash. */
async function work(bench: LogBench, disk: BreakingDisk, seen: Witnessed): Promise<void> {
  watch(disk, seen)
  const log = await bench.open(filesOn(disk)).catch(() => undefined)
  if (!log) return
  await seen.append(log, 0)
  await seen.append(log, 1)
  await log.publish().catch(() => {})
  await Promise.all(Array.from({ length: 9 }, (_, n) => seen.append(log, n)))
  await log.publish().catch(() => {})
  // These are in the journal alone when the crash comes.
  await seen.append(log, 3)
  await seen.append(log, 4)
}

async function verified(
  bench: LogBench,
  disk: BreakingDisk,
  log: AuditLog,
  seen: Witnessed,
  what: string,
): Promise<void> {
  for (const [index, { leaf, body }] of seen.acknowledged) {
    assert.ok(index < log.size, `${what}: entry ${index} is lost`)
    assert.equal((await log.read(index)).leaf, leaf, `${what}: entry ${index} is another`)
    assert.deepEqual(
      await log.body(index).then((found) => found && Buffer.from(found)),
      body,
      `${what}: body ${index}`,
    )
  }
  const report = await verifyLog(async (path) => disk.content(bench.path(path)), { vkey: log.vkey })
  assert.deepEqual(report.problems, [], what)
  const roots = rootsOf(bench, disk, report.size)
  for (const note of seen.signed) {
    const { size, root } = parseCheckpoint(note) as Checkpoint
    const found = roots[size]
    assert.ok(
      found && equalBytes(found, root),
      `${what}: a signed checkpoint over ${size} entries is contradicted`,
    )
  }
}

/** Root of the first n entries, for every n of which a checkpoint is signed here; from the tiles, which have just been verified. */
function rootsOf(bench: LogBench, disk: BreakingDisk, size: number): Uint8Array[] {
  const tree = new GrowingTree()
  const roots: Uint8Array[] = []
  for (let tile = 0; tree.size < size; tile++) {
    const width = Math.min(TILE_WIDTH, size - tree.size)
    const hashes = disk.content(bench.path(tilePath(0, tile, width))) as Uint8Array
    for (let at = 0; at < hashes.length; at += 32) {
      tree.append(hashes.subarray(at, at + 32))
      if (tree.size <= 20 || tree.size > 240) roots[tree.size] = tree.root()
    }
  }
  return roots
}

/** Recovers on what a crash left, checks it, goes on, and checks again. */
async function recovered(
  bench: LogBench,
  broken: BreakingDisk,
  crash: Crash,
  seen: Witnessed,
  what: string,
): Promise<void> {
  const disk = broken.after(crash)
  const after = new Witnessed()
  for (const [index, kept] of seen.acknowledged) after.acknowledged.set(index, kept)
  for (const note of seen.signed) after.signed.add(note)
  watch(disk, after)
  const log = await bench.open(filesOn(disk))
  const { refused } = after
  await after.append(log, 99)
  assert.equal(after.refused, refused, `${what}: the log does not go on`)
  await log.publish()
  await verified(bench, disk, log, after, what)
  await log.close()
}

const STARTS = {
  'a new log': 0,
  'a log about to fill a tile': 250,
} as const

for (const [start, size] of Object.entries(STARTS)) {
  test(`${start}: whichever call of the file system fails, in whichever way, and whatever crash follows, nothing acknowledged is lost and there is one history`, async (t) => {
    using bench = new LogBench()
    const before = new Witnessed()
    const prepared = new BreakingDisk(bench.dir)
    watch(prepared, before)
    if (size > 0) {
      const log = await bench.open(filesOn(prepared))
      await Promise.all(Array.from({ length: size - 1 }, (_, n) => before.append(log, n)))
      await log.close()
      assert.ok(prepared.content(bench.path(bodiesPath(0, size))), 'the work has bodies')
    }
    // What a checkpoint covers is proved by its root; of the entries before the work only the last are asked for one by one.
    for (const index of before.acknowledged.keys()) if (index < size - 4) before.acknowledged.delete(index)
    const kinds = new Map<string, number>()
    let runs = 0
    for (const failure of FAILURES) {
      for (const lasting of [false, true]) {
        for (let at = 0; ; at++) {
          const disk = prepared.after('power cut')
          disk.break = { at, failure, lasting } satisfies Break
          const seen = new Witnessed()
          for (const [index, kept] of before.acknowledged) seen.acknowledged.set(index, kept)
          for (const note of before.signed) seen.signed.add(note)
          await work(bench, disk, seen)
          if (disk.calls <= at) break
          const kind = disk.kinds[at] as string
          // Only writes can be torn; what else fails so fails as refused.
          if (failure === 'torn' && kind !== 'write') continue
          kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
          for (const crash of CRASHES) {
            runs++
            await recovered(
              bench,
              disk,
              crash,
              seen,
              `call ${at} (${kind}) ${failure}${lasting ? ' for good' : ''}, then a ${crash}`,
            )
          }
        }
      }
    }
    const calls = [...kinds].map(([kind, count]) => `${count} ${kind}`).join(', ')
    t.diagnostic(`${runs} runs: ${calls}; each failing with ${CRASHES.length} kinds of crash`)
    assert.ok(runs > 500, `only ${runs} runs`)
  })
}
