import { concat, equal, fromUtf8, toBase64 } from './bytes.ts'
import type { Checkpoint } from './checkpoint.ts'
import { openCheckpoint } from './checkpoint.ts'
import { EMPTY_ROOT, leafHash, nodeHash, rangeHash } from './merkle.ts'
import type { VerifierKey } from './note.ts'
import { parseVkey } from './note.ts'
import { entriesPath, parseEntries, TILE_WIDTH, tilePath } from './tiles.ts'

const HASH = 32
/** A report that names more than this helps nobody. */
const MAX_PROBLEMS = 20

/** Reads one file of a log in the tlog-tiles layout; undefined when there is none. */
export type ReadFile = (path: string) => Promise<Uint8Array | undefined>

export interface LogProblem {
  /**
   * `altered`: an entry is not what was hashed into the tree (edited, swapped or moved). `missing`: entries that the checkpoint counts
   * are gone. `rewritten`: the history contradicts a checkpoint that was kept. `signature` and `format` speak for themselves.
   */
  readonly kind: 'altered' | 'missing' | 'rewritten' | 'signature' | 'format'
  /** First entry concerned, where it can be told. */
  readonly index?: number
  readonly detail: string
}

export interface LogReport {
  readonly ok: boolean
  readonly size: number
  readonly root: string
  readonly problems: readonly LogProblem[]
}

/**
 * Verifies a whole log from its files and public key alone: every entry against its hash in the tiles, every tile against the signed
 * root, and, with `held` (a checkpoint the auditor kept), that the present log is an extension of that one.
 * Without a held or witnessed checkpoint, a history rewritten whole by who has the signing key cannot be told from the true one.
 */
export async function verifyLog(
  read: ReadFile,
  options: { vkey: string; held?: string },
): Promise<LogReport> {
  const vkey = parseVkey(options.vkey)
  if (!vkey) return failed('format', 'the log’s public key is malformed')
  const note = await read('checkpoint')
  if (!note) return failed('missing', 'there is no checkpoint')
  const checkpoint = await openCheckpoint(decode(note), vkey)
  if (!checkpoint) return failed('signature', 'the checkpoint is not signed by this log')

  const problems: LogProblem[] = []
  const leaves = await readLeaves(read, checkpoint.size, problems)
  if (leaves.length === checkpoint.size) {
    const levels = treeOf(leaves)
    await compareTiles(read, levels, problems)
    const root = await rootOf(levels, checkpoint.size)
    if (!equal(root, checkpoint.root) && problems.length === 0) {
      problems.push({ kind: 'altered', detail: 'the entries do not hash to the signed root' })
    }
    if (options.held !== undefined) await compareHeld(options.held, vkey, checkpoint, levels, problems)
  }
  return { ok: problems.length === 0, size: checkpoint.size, root: toBase64(checkpoint.root), problems }
}

/** Leaf hashes recomputed from the entries, each compared with the tile that should hold it. */
async function readLeaves(read: ReadFile, size: number, problems: LogProblem[]): Promise<Uint8Array[]> {
  const leaves: Uint8Array[] = []
  for (let start = 0; start < size; start += TILE_WIDTH) {
    const width = Math.min(TILE_WIDTH, size - start)
    const tile = start / TILE_WIDTH
    const bundle = await read(entriesPath(tile, width))
    const entries = bundle && parseEntries(bundle)
    if (!entries) {
      const detail = bundle ? 'a bundle of entries is malformed' : 'a bundle of entries is missing'
      problems.push({ kind: 'missing', index: start, detail })
      return leaves
    }
    const hashes = await read(tilePath(0, tile, width))
    if (hashes?.length !== width * HASH) {
      const detail = hashes ? 'a tile of hashes is cut short or malformed' : 'a tile of hashes is missing'
      problems.push({ kind: 'missing', index: start, detail })
    }
    if (entries.length !== width) {
      const fits = (entry: Uint8Array, i: number) =>
        !hashes || equal(leafHash(entry), hashes.subarray(i * HASH, (i + 1) * HASH))
      const wrong = entries.findIndex((entry, i) => !fits(entry, i))
      const kind = entries.length < width ? 'missing' : 'altered'
      const detail = `a bundle holds ${entries.length} entries instead of ${width}`
      problems.push({ kind, index: start + (wrong < 0 ? entries.length : wrong), detail })
      return leaves
    }
    for (const [i, entry] of entries.entries()) {
      const leaf = leafHash(entry)
      leaves.push(leaf)
      const hash = hashes?.subarray(i * HASH, (i + 1) * HASH)
      if (hash?.length !== HASH || equal(leaf, hash)) continue
      problems.push({ kind: 'altered', index: start + i, detail: 'the entry is not the one that was hashed' })
      if (problems.length >= MAX_PROBLEMS) return leaves
    }
  }
  return leaves
}

/** The tiles above the leaves: what a reader of the log builds proofs from. */
async function compareTiles(
  read: ReadFile,
  levels: readonly Uint8Array[][],
  problems: LogProblem[],
): Promise<void> {
  for (let level = 1; 8 * level < levels.length; level++) {
    const hashes = levels[8 * level] as Uint8Array[]
    for (let first = 0; first < hashes.length; first += TILE_WIDTH) {
      const expected = concat(...hashes.slice(first, first + TILE_WIDTH))
      const path = tilePath(level, first / TILE_WIDTH, expected.length / HASH)
      const tile = await read(path)
      if (tile && equal(tile, expected)) continue
      const at = tile === undefined ? 0 : expected.findIndex((byte, i) => byte !== tile[i])
      const index = (first + Math.floor(Math.max(at, 0) / HASH)) * TILE_WIDTH ** level
      const detail = `the tile ${path} ${tile ? 'does not fit the entries below it' : 'is missing'}`
      problems.push({ kind: tile ? 'altered' : 'missing', index, detail })
      if (problems.length >= MAX_PROBLEMS) return
    }
  }
}

/** All complete subtrees, by level. */
function treeOf(leaves: readonly Uint8Array[]): Uint8Array[][] {
  const levels: Uint8Array[][] = [[...leaves]]
  for (let below = levels[0] as Uint8Array[]; below.length > 1; ) {
    const level: Uint8Array[] = []
    for (let i = 0; i + 1 < below.length; i += 2) {
      level.push(nodeHash(below[i] as Uint8Array, below[i + 1] as Uint8Array))
    }
    levels.push(level)
    below = level
  }
  return levels
}

const rootOf = async (levels: readonly Uint8Array[][], size: number): Promise<Uint8Array> =>
  size === 0 ? EMPTY_ROOT : await rangeHash((level, index) => levels[level]?.[index] as Uint8Array, 0, size)

async function compareHeld(
  heldNote: string,
  vkey: VerifierKey,
  now: Checkpoint,
  levels: readonly Uint8Array[][],
  problems: LogProblem[],
): Promise<void> {
  const held = await openCheckpoint(heldNote, vkey)
  if (!held) problems.push({ kind: 'signature', detail: 'the kept checkpoint is not signed by this log' })
  else if (held.size > now.size) {
    const detail = `the kept checkpoint counts ${held.size} entries, the log has ${now.size}`
    problems.push({ kind: 'missing', index: now.size, detail })
  } else if (!equal(await rootOf(levels, held.size), held.root)) {
    const detail = `the first ${held.size} entries are not those of the kept checkpoint`
    problems.push({ kind: 'rewritten', detail })
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes)
  } catch {
    return ''
  }
}

const failed = (kind: LogProblem['kind'], detail: string): LogReport => ({
  ok: false,
  size: 0,
  root: '',
  problems: [{ kind, detail }],
})
