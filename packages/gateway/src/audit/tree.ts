import { join } from 'node:path'
import {
  bodiesPath,
  EMPTY_ROOT,
  entriesPath,
  leafHash,
  nodeHash,
  parseBodies,
  parseEntries,
  rangeHash,
  TILE_WIDTH,
  tilePath,
} from '@ostiary/evidence'
import { equalBytes } from '../lib/bytes.ts'
import type { Files } from './files.ts'
import type { Appended } from './frames.ts'
import { bodiesFile, bundle } from './frames.ts'
import { LogDamaged } from './journal.ts'

const HASH = 32

export interface Leaf extends Appended {
  readonly hash: Uint8Array
}

/**
 * The Merkle tree in tile files. Full tiles are read from disk when a proof needs them; the growing edge of every level is in memory.
 * Levels here are tile levels: a tile at level L holds up to 256 roots of subtrees with 256^L leaves.
 */
export class Tree {
  readonly #files: Files
  readonly #dir: string
  #size = 0
  /** Hashes of the last, partial tile of each level. */
  #edge: Buffer[][] = []
  /** Entries of the last, partial bundle, with their bodies. */
  #bundle: Appended[] = []

  /** Folders of partial files whose full one was written. */
  #superseded: string[] = []
  #lastRead: { readonly tile: number; readonly entries: Uint8Array[] } | undefined

  constructor(files: Files, dir: string) {
    this.#files = files
    this.#dir = dir
  }

  get size(): number {
    return this.#size
  }

  /** Loads the edge of a tree of `size` leaves from its partial tiles; whether they are those of its root is for the caller to compare. @throws LogDamaged when one is missing or short */
  async load(size: number): Promise<void> {
    this.#size = size
    this.#edge = []
    for (let level = 0; TILE_WIDTH ** level <= Math.max(size, 1); level++) {
      const whole = Math.floor(size / TILE_WIDTH ** level)
      const width = whole % TILE_WIDTH
      const data =
        width === 0 ? Buffer.alloc(0) : await this.#hashes(level, Math.floor(whole / TILE_WIDTH), width)
      this.#edge.push(Array.from({ length: width }, (_, i) => data.subarray(i * HASH, (i + 1) * HASH)))
    }
    const width = size % TILE_WIDTH
    const last = Math.floor(size / TILE_WIDTH)
    const entries = width === 0 ? [] : await this.#entries(last, width)
    // They are written again with the next checkpoint, so what is not in the tree must not pass for it.
    if (entries.some((entry, i) => !equalBytes(leafHash(entry), this.#edge[0]?.[i] as Buffer)))
      throw damaged(join(this.#dir, entriesPath(last, width)), true)
    const bodies = width === 0 ? undefined : await this.#bodies(last, width)
    this.#bundle = entries.map((entry, i) => ({ entry, body: bodies?.[i] }))
  }

  /**
   * Adds leaves and makes every file durable that a checkpoint over the new size needs. Until then the tree answers as before, and
   * when it rejects it still does.
   */
  async extend(leaves: readonly Leaf[]): Promise<void> {
    const writes: [path: string, data: Uint8Array][] = []
    const edge = this.#edge.map((hashes) => [...hashes])
    let last = [...this.#bundle]
    let size = this.#size
    for (const { hash, entry, body } of leaves) {
      last.push({ entry, body })
      if (last.length === TILE_WIDTH) {
        writes.push(...bundles(Math.floor(size / TILE_WIDTH), last))
        last = []
      }
      push(edge, 0, Buffer.from(hash), Math.floor(size / TILE_WIDTH), writes)
      size++
    }
    if (last.length > 0) writes.push(...bundles(Math.floor(size / TILE_WIDTH), last))
    for (const [level, hashes] of edge.entries()) {
      const index = Math.floor(Math.floor(size / TILE_WIDTH ** level) / TILE_WIDTH)
      if (hashes.length > 0) writes.push([tilePath(level, index, hashes.length), Buffer.concat(hashes)])
    }
    await settled(writes.map(([path, data]) => this.#files.put(join(this.#dir, path), data)))
    this.#superseded.push(...writes.flatMap(([path]) => (path.includes('.p/') ? [] : [`${path}.p`])))
    this.#edge = edge
    this.#bundle = last
    this.#size = size
  }

  /**
   * Removes partial files whose full one is there. Call it once a checkpoint over the full ones is durable: until then a crash goes back to
   * the one before, which needs them.
   */
  async prune(): Promise<void> {
    for (const folder of this.#superseded.splice(0)) await this.#files.removeFolder(join(this.#dir, folder))
  }

  async root(size: number = this.#size): Promise<Uint8Array> {
    return size === 0 ? EMPTY_ROOT : await rangeHash((level, index) => this.node(level, index, size), 0, size)
  }

  /** Hash of the complete subtree of 2^level leaves number `index`, within the first `size` leaves. */
  async node(level: number, index: number, size: number): Promise<Uint8Array> {
    const tileLevel = Math.floor(level / 8)
    const span = 2 ** (level % 8)
    const start = index * span
    const tile = Math.floor(start / TILE_WIDTH)
    const whole = Math.floor(size / TILE_WIDTH ** tileLevel)
    const width = Math.min(TILE_WIDTH, whole - tile * TILE_WIDTH)
    const edgeTile = Math.floor(Math.floor(this.#size / TILE_WIDTH ** tileLevel) / TILE_WIDTH)
    const data =
      tile === edgeTile
        ? Buffer.concat(this.#edge[tileLevel] ?? [])
        : await this.#hashes(tileLevel, tile, TILE_WIDTH)
    const from = start - tile * TILE_WIDTH
    if (from + span > width) throw new Error('a subtree beyond the tree')
    return fold(
      Array.from({ length: span }, (_, i) => data.subarray((from + i) * HASH, (from + i + 1) * HASH)),
    )
  }

  /** Entry number `index`; the caller knows that it exists. */
  async entry(index: number): Promise<Uint8Array> {
    const tile = Math.floor(index / TILE_WIDTH)
    const entries =
      tile === Math.floor(this.#size / TILE_WIDTH)
        ? this.#bundle.map(({ entry }) => entry)
        : await this.#entries(tile, TILE_WIDTH)
    return entries[index % TILE_WIDTH] as Uint8Array
  }

  /** The sealed body of entry number `index`; undefined when it has none, or its file is gone. */
  async body(index: number): Promise<Uint8Array | undefined> {
    const tile = Math.floor(index / TILE_WIDTH)
    if (tile === Math.floor(this.#size / TILE_WIDTH)) return this.#bundle[index % TILE_WIDTH]?.body
    return (await this.#bodies(tile, TILE_WIDTH))?.[index % TILE_WIDTH]
  }

  async #entries(tile: number, width: number): Promise<Uint8Array[]> {
    // Whoever follows the log reads entry after entry of one bundle; a full one never changes.
    if (this.#lastRead?.tile === tile && width === TILE_WIDTH) return this.#lastRead.entries
    const path = entriesPath(tile, width)
    const { data, isFull } = await this.#read(path, entriesPath(tile))
    const found = data && parseEntries(data)
    const entries = isFull ? found?.slice(0, width) : found
    if (entries?.length !== width) throw damaged(join(this.#dir, path), data !== undefined)
    if (width === TILE_WIDTH) this.#lastRead = { tile, entries }
    return entries
  }

  /** Whoever opens a body checks it against its entry, so what is malformed is treated as what is gone. */
  async #bodies(tile: number, width: number): Promise<(Uint8Array | undefined)[] | undefined> {
    const { data } = await this.#read(bodiesPath(tile, width), bodiesPath(tile))
    return data && parseBodies(data)
  }

  /** A partial file, or the full one, which begins with it, where only that is there (C2SP tlog-tiles, Partial Tiles). */
  async #read(path: string, full: string): Promise<{ data: Buffer | undefined; isFull: boolean }> {
    const data = await this.#files.read(join(this.#dir, path))
    if (data || path === full) return { data, isFull: false }
    return { data: await this.#files.read(join(this.#dir, full)), isFull: true }
  }

  async #hashes(level: number, index: number, width: number): Promise<Buffer> {
    const path = tilePath(level, index, width)
    const { data: found, isFull } = await this.#read(path, tilePath(level, index))
    const data = isFull ? found?.subarray(0, width * HASH) : found
    if (data?.length !== width * HASH) throw damaged(join(this.#dir, path), found !== undefined)
    return data
  }
}

const damaged = (path: string, isThere: boolean): LogDamaged =>
  new LogDamaged(
    `The log file ${path} is ${isThere ? 'damaged' : 'missing'}. Keep the folder as evidence and restore it.`,
  )

/** The files of one bundle: its entries, and their bodies where there are any. */
function bundles(tile: number, last: readonly Appended[]): [path: string, data: Uint8Array][] {
  const bodies = last.map(({ body }) => body)
  return [
    [entriesPath(tile, last.length), bundle(last.map(({ entry }) => entry))],
    ...(bodies.some((body) => body !== undefined)
      ? [[bodiesPath(tile, last.length), bodiesFile(bodies)] as [string, Uint8Array]]
      : []),
  ]
}

/** Adds a hash to the edge of `level`, and the root of each tile it fills to the level above. */
function push(
  edge: Buffer[][],
  level: number,
  hash: Buffer,
  index: number,
  writes: [string, Uint8Array][],
): void {
  edge[level] ??= []
  const hashes = edge[level]
  hashes.push(hash)
  if (hashes.length < TILE_WIDTH) return
  writes.push([tilePath(level, index), Buffer.concat(hashes)])
  edge[level] = []
  push(edge, level + 1, Buffer.from(fold(hashes)), Math.floor(index / TILE_WIDTH), writes)
}

/** Waits for all of them also when one fails, so that no write is under way when the next attempt begins. */
async function settled(writes: readonly Promise<void>[]): Promise<void> {
  for (const write of await Promise.allSettled(writes)) if (write.status === 'rejected') throw write.reason
}

/** Root of a power-of-two number of hashes. */
function fold(hashes: readonly Uint8Array[]): Uint8Array {
  let level = hashes
  while (level.length > 1) {
    const next: Uint8Array[] = []
    for (let i = 0; i < level.length; i += 2)
      next.push(nodeHash(level[i] as Uint8Array, level[i + 1] as Uint8Array))
    level = next
  }
  return level[0] as Uint8Array
}
