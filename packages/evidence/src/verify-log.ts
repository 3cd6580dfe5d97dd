import { equal, fromUtf8, toBase64 } from './bytes.ts'
import type { Checkpoint } from './checkpoint.ts'
import type { TileFile } from './growing-tree.ts'
import { GrowingTree } from './growing-tree.ts'
import { EMPTY_ROOT, leafHash } from './merkle.ts'
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

/** A checkpoint that fixes the beginning of the history. */
interface Fixed extends Checkpoint {
  readonly which: string
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
  const held = options.held === undefined ? undefined : await openCheckpoint(options.held, vkey)
  if (options.held !== undefined && !held)
    problems.push({ kind: 'signature', detail: 'the kept checkpoint is not signed by this log' })
  const fixed: Fixed[] = [
    ...(held ? [{ which: 'kept', ...held }] : []),
    ...(witnessed ? [{ which: 'witnessed', ...witnessed.checkpoint }] : []),
  ]
  for (const { which, size } of fixed) {
    if (size <= checkpoint.size) continue
    const detail = `the ${which} checkpoint counts ${size} entries, the log has ${checkpoint.size}`
    problems.push({ kind: 'missing', index: checkpoint.size, detail })
  }
  const tree = new GrowingTree()
  const broken = new Set(fixed.filter(({ size, root }) => size === 0 && !equal(root, EMPTY_ROOT)))
  const whole = await forEachLeaf(read, checkpoint.size, problems, async (leaf) => {
    for (const tile of tree.append(leaf)) await compareTile(read, tile, problems)
    for (const each of fixed) if (tree.size === each.size && !equal(tree.root(), each.root)) broken.add(each)
  })
  if (whole) {
    for (const tile of tree.partialTiles()) await compareTile(read, tile, problems)
    if (!equal(tree.root(), checkpoint.root) && problems.length === 0)
      problems.push({ kind: 'altered', detail: 'the entries do not hash to the signed root' })
    for (const { which, size } of broken) {
      const detail = `the first ${size} entries are not those of the ${which} checkpoint`
      problems.push({ kind: 'rewritten', detail })
    }
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

/**
 * Leaf hashes recomputed from the entries, each compared with the tile that should hold it.
 * @returns false when it ended early, because entries are missing or nothing fits
 */
async function forEachLeaf(
  read: ReadFile,
  size: number,
  problems: LogProblem[],
  take: (leaf: Uint8Array) => Promise<void>,
): Promise<boolean> {
  for (let start = 0; start < size; start += TILE_WIDTH) {
    const width = Math.min(TILE_WIDTH, size - start)
    const tile = start / TILE_WIDTH
    const { bundle, entries } = await readEntries(read, tile, width)
    if (!entries) {
      const detail = bundle ? 'a bundle of entries is malformed' : 'a bundle of entries is missing'
      problems.push({ kind: 'missing', index: start, detail })
      return false
    }
    const hashes = await readTile(read, 0, tile, width)
    if (hashes?.length !== width * HASH) {
      const detail = hashes ? 'a tile of hashes is cut short or malformed' : 'a tile of hashes is missing'
      problems.push({ kind: 'missing', index: start, detail })
      if (problems.length >= MAX_PROBLEMS) return false
    }
    if (entries.length !== width) {
      const fits = (entry: Uint8Array, i: number) =>
        !hashes || equal(leafHash(entry), hashes.subarray(i * HASH, (i + 1) * HASH))
      const wrong = entries.findIndex((entry, i) => !fits(entry, i))
      const kind = entries.length < width ? 'missing' : 'altered'
      const detail = `a bundle holds ${entries.length} entries instead of ${width}`
      problems.push({ kind, index: start + (wrong < 0 ? entries.length : wrong), detail })
      return false
    }
    for (const [i, entry] of entries.entries()) {
      const leaf = leafHash(entry)
      await take(leaf)
      const hash = hashes?.subarray(i * HASH, (i + 1) * HASH)
      if (hash?.length !== HASH || equal(leaf, hash)) continue
      problems.push({ kind: 'altered', index: start + i, detail: 'the entry is not the one that was hashed' })
      if (problems.length >= MAX_PROBLEMS) return false
    }
  }
  return true
}

/** A partial file may be gone once the full one is there, which begins with it (C2SP tlog-tiles, Partial Tiles). */
async function readTile(
  read: ReadFile,
  level: number,
  index: number,
  width: number,
): Promise<Uint8Array | undefined> {
  const tile = await read(tilePath(level, index, width))
  if (tile || width === TILE_WIDTH) return tile
  return (await read(tilePath(level, index)))?.subarray(0, width * HASH)
}

async function readEntries(read: ReadFile, index: number, width: number) {
  const bundle = await read(entriesPath(index, width))
  if (bundle || width === TILE_WIDTH) return { bundle, entries: bundle && parseEntries(bundle) }
  const full = await read(entriesPath(index))
  return { bundle: full, entries: full && parseEntries(full)?.slice(0, width) }
}

/** A tile above the leaves: what a reader of the log builds proofs from. */
async function compareTile(read: ReadFile, expected: TileFile, problems: LogProblem[]): Promise<void> {
  const { path, level, index: number, data } = expected
  if (level === 0 || problems.length >= MAX_PROBLEMS) return
  const tile = await readTile(read, level, number, data.length / HASH)
  if (tile && equal(tile, data)) return
  const at = tile === undefined ? 0 : data.findIndex((byte, i) => byte !== tile[i])
  const index = (expected.index * TILE_WIDTH + Math.floor(Math.max(at, 0) / HASH)) * TILE_WIDTH ** level
  const detail = `the tile ${path} ${tile ? 'does not fit the entries below it' : 'is missing'}`
  problems.push({ kind: tile ? 'altered' : 'missing', index, detail })
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
