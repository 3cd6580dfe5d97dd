import { concat } from './bytes.ts'
import type { NodeAt } from './merkle.ts'
import { EMPTY_ROOT, nodeHash } from './merkle.ts'
import { TILE_WIDTH, tilePath } from './tiles.ts'

/** One tile of a log in the tlog-tiles layout. */
export interface TileFile {
  readonly path: string
  readonly level: number
  /** Number of the tile in its level. */
  readonly index: number
  readonly data: Uint8Array
}

/**
 * A tree that only grows, of which no more is kept than the last, partial tile of each level: enough for its root and for every tile
 * on the way, over a log of any length.
 */
export class GrowingTree {
  #size = 0
  /** Hashes of the last, partial tile of each level. */
  readonly #edge: Uint8Array[][] = []

  /** The tree of the first `size` leaves of a tree whose subtrees are known. */
  static async of(size: number, at: NodeAt): Promise<GrowingTree> {
    const tree = new GrowingTree()
    tree.#size = size
    for (let level = 0; TILE_WIDTH ** level <= size; level++) {
      const whole = Math.floor(size / TILE_WIDTH ** level)
      const hashes: Uint8Array[] = []
      for (let index = whole - (whole % TILE_WIDTH); index < whole; index++)
        hashes.push(await at(8 * level, index))
      tree.#edge.push(hashes)
    }
    return tree
  }

  get size(): number {
    return this.#size
  }

  clone(): GrowingTree {
    const copy = new GrowingTree()
    copy.#size = this.#size
    copy.#edge.push(...this.#edge.map((hashes) => [...hashes]))
    return copy
  }

  /** Adds a leaf hash. @returns the tiles it has filled, the lowest first */
  append(leaf: Uint8Array): TileFile[] {
    const filled: TileFile[] = []
    let hash = leaf
    for (let level = 0; ; level++) {
      this.#edge[level] ??= []
      const hashes = this.#edge[level] as Uint8Array[]
      hashes.push(hash)
      if (hashes.length < TILE_WIDTH) break
      const index = Math.floor(this.#size / TILE_WIDTH ** (level + 1))
      filled.push({ path: tilePath(level, index), level, index, data: concat(...hashes) })
      hash = rootOver(hashes)
      this.#edge[level] = []
    }
    this.#size++
    return filled
  }

  /** The partial tiles of the present size. */
  partialTiles(): TileFile[] {
    return this.#edge.flatMap((hashes, level) => {
      if (hashes.length === 0) return []
      const index = Math.floor(this.#size / TILE_WIDTH ** (level + 1))
      return [{ path: tilePath(level, index, hashes.length), level, index, data: concat(...hashes) }]
    })
  }

  /** Leaf hashes that are not in a full tile yet. */
  lastLeaves(): readonly Uint8Array[] {
    return this.#edge[0] ?? []
  }

  root(): Uint8Array {
    let below: Uint8Array | undefined
    for (const hashes of this.#edge) {
      const parts: Uint8Array[] = below === undefined ? hashes : [...hashes, below]
      if (parts.length > 0) below = rootOver(parts)
    }
    return below ?? EMPTY_ROOT
  }
}

/**
 * Root over subtrees of one size, of which the last may be smaller. RFC 9162 section 2.1.1 splits at the largest power of two below the
 * number of leaves, which is the same split.
 */
function rootOver(hashes: readonly Uint8Array[]): Uint8Array {
  let level = hashes
  while (level.length > 1) {
    const next: Uint8Array[] = []
    for (let i = 0; i + 1 < level.length; i += 2)
      next.push(nodeHash(level[i] as Uint8Array, level[i + 1] as Uint8Array))
    // One without a neighbour moves up as it is.
    if (level.length % 2 === 1) next.push(level.at(-1) as Uint8Array)
    level = next
  }
  return level[0] as Uint8Array
}
