import { concat, equal, fromUtf8, toBase64 } from './bytes.ts'
import type { Checkpoint } from './checkpoint.ts'
import { EMPTY_ROOT, leafHash, nodeHash, rangeHash } from './merkle.ts'
import { openCheckpoint } from './note.ts'
import type { Policy } from './policy.ts'
import { LOG_ALONE } from './policy.ts'
import { entriesPath, parseEntries, TILE_WIDTH, tilePath } from './tiles.ts'
import { parseVkey } from './vkey.ts'
import type { Cosignature, WitnessedCheckpoint } from './witnessed.ts'
import { openWitnessed } from './witnessed.ts'

const HASH = 32
/** A report that names more than this helps nobody. */
const MAX_PROBLEMS = 20

/** Reads one file of a log in the tlog-tiles layout; undefined when there is none. */
export type ReadFile = (path: string) => Promise<Uint8Array | undefined>

export interface LogProblem {
  /**
   * `altered`: an entry is not what was hashed into the tree (edited, swapped or moved). `missing`: entries that the checkpoint counts
   * are gone. `rewritten`: the history contradicts a checkpoint that was kept or witnessed. `unwitnessed`: no checkpoint has the quorum
   * of the policy. `signature` and `format` speak for themselves.
   */
  readonly kind: 'altered' | 'missing' | 'rewritten' | 'unwitnessed' | 'signature' | 'format'
  /** First entry concerned, where it can be told. */
  readonly index?: number
  readonly detail: string
}

export interface LogReport {
  readonly ok: boolean
  readonly size: number
  readonly root: string
  readonly problems: readonly LogProblem[]
  /** With a policy: the newest checkpoint with its quorum. Entries from `size` on are vouched for by the log alone. */
  readonly witnessed?: { readonly size: number; readonly cosignatures: readonly Cosignature[] }
}

export interface VerifyLogOptions {
  /** Of the log; may be left out where the policy names it. */
  readonly vkey?: string
  /** The witnesses to believe. */
  readonly policy?: Policy
  /** A checkpoint the auditor kept, or fetched from a witness: the log must be an extension of it. */
  readonly held?: string
}

/** The newest checkpoint that had a quorum, beside `checkpoint`, which may be too young to have one. */
export const WITNESSED_CHECKPOINT = 'checkpoint.witnessed'

/**
 * Verifies a whole log from its files and public keys alone: every entry against its hash in the tiles, every tile against the signed
 * root, that a quorum of witnesses saw this very history, and that it is an extension of the checkpoint the auditor kept.
 * Without a held or witnessed checkpoint, a history rewritten whole by who has the signing key cannot be told from the true one.
 */
export async function verifyLog(read: ReadFile, options: VerifyLogOptions): Promise<LogReport> {
  const given = options.vkey === undefined ? undefined : parseVkey(options.vkey)
  if (options.vkey !== undefined && !given) return failed('format', 'the log’s public key is malformed')
  const policy = options.policy ?? LOG_ALONE
  const note = await read('checkpoint')
  if (!note) return failed('missing', 'there is no checkpoint')
  const opened = await openWitnessed(decode(note), policy, given)
  if (!opened) return failed('signature', 'the checkpoint is not signed by this log')
  const { checkpoint, log: vkey } = opened
  const witnessed = options.policy && (await newestWitnessed(read, options.policy, opened))

  const problems: LogProblem[] = []
  const leaves = await readLeaves(read, checkpoint.size, problems)
  if (leaves.length === checkpoint.size) {
    const levels = treeOf(leaves)
    await compareTiles(read, levels, problems)
    const root = await rootOf(levels, checkpoint.size)
    if (!equal(root, checkpoint.root) && problems.length === 0) {
      problems.push({ kind: 'altered', detail: 'the entries do not hash to the signed root' })
    }
    if (options.held !== undefined) {
      const held = await openCheckpoint(options.held, vkey)
      if (held) await compareHeld(held, 'kept', checkpoint, levels, problems)
      else problems.push({ kind: 'signature', detail: 'the kept checkpoint is not signed by this log' })
    }
    if (witnessed) await compareHeld(witnessed.checkpoint, 'witnessed', checkpoint, levels, problems)
  }
  if (options.policy && !witnessed) {
    problems.push({ kind: 'unwitnessed', detail: 'no checkpoint is cosigned by a quorum of the policy' })
  }
  return {
    ok: problems.length === 0,
    size: checkpoint.size,
    root: toBase64(checkpoint.root),
    problems,
    ...(witnessed
      ? { witnessed: { size: witnessed.checkpoint.size, cosignatures: witnessed.cosignatures } }
      : {}),
  }
}

async function newestWitnessed(
  read: ReadFile,
  policy: Policy,
  newest: WitnessedCheckpoint,
): Promise<WitnessedCheckpoint | undefined> {
  if (newest.isQuorum) return newest
  const note = await read(WITNESSED_CHECKPOINT)
  const older = note && (await openWitnessed(decode(note), policy, newest.log))
  return older?.isQuorum ? older : undefined
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
  held: Checkpoint,
  which: 'kept' | 'witnessed',
  now: Checkpoint,
  levels: readonly Uint8Array[][],
  problems: LogProblem[],
): Promise<void> {
  if (held.size > now.size) {
    const detail = `the ${which} checkpoint counts ${held.size} entries, the log has ${now.size}`
    problems.push({ kind: 'missing', index: now.size, detail })
  } else if (!equal(await rootOf(levels, held.size), held.root)) {
    const detail = `the first ${held.size} entries are not those of the ${which} checkpoint`
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
