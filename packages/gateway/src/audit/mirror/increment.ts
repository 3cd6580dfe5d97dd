import type { Checkpoint, NodeAt, ReadFile } from '@ostiary/evidence'
import {
  bodiesPath,
  consistencyProof,
  entriesPath,
  type GrowingTree,
  leafHash,
  parseEntries,
  TILE_WIDTH,
  verifyConsistency,
} from '@ostiary/evidence'
import { LogDamaged } from '../journal.ts'
import { checkBodies } from './bodies.ts'
import type { Keeping } from './store.ts'

export interface MirrorFile {
  readonly path: string
  readonly data: Uint8Array
  readonly as: Keeping
}

/** The log as it is on this disk, up to a signed checkpoint. */
export interface Signed {
  readonly read: ReadFile
  readonly at: NodeAt
  readonly checkpoint: Checkpoint
}

/**
 * The files that bring a copy of the size of `from` to the size `to`, which is a multiple of the tile width or the checkpoint's size.
 * Nothing is taken on trust: tiles are computed from the entries, bodies are compared with the leaves, and the new size is proved to be
 * a beginning of what the checkpoint signs. What does not fit never gets to a place from which it cannot be removed.
 * @throws LogDamaged
 */
export async function increment(
  from: GrowingTree,
  to: number,
  { read, at, checkpoint }: Signed,
): Promise<{ tree: GrowingTree; files: MirrorFile[] }> {
  const tree = from.clone()
  const files: MirrorFile[] = []
  const known = from.lastLeaves()
  for (let tile = Math.floor(from.size / TILE_WIDTH); tile * TILE_WIDTH < to; tile++) {
    const width = Math.min(TILE_WIDTH, checkpoint.size - tile * TILE_WIDTH)
    const as = width === TILE_WIDTH ? 'kept' : 'tail'
    const path = entriesPath(tile, width)
    const data = await read(path)
    const entries = data && parseEntries(data)
    if (!data || entries?.length !== width) throw damaged(path, data)
    for (const [i, entry] of entries.entries()) {
      const leaf = leafHash(entry)
      if (tile * TILE_WIDTH + i >= from.size)
        files.push(...tree.append(leaf).map((filled) => ({ ...filled, as: 'kept' as const })))
      else if (!Buffer.from(known[i] as Uint8Array).equals(leaf)) throw damaged(path, data)
    }
    files.push({ path, data, as })
    const bodies = await read(bodiesPath(tile, width))
    if (checkBodies(entries, bodies).wrong !== undefined) throw damaged(bodiesPath(tile, width), bodies)
    if (bodies) files.push({ path: bodiesPath(tile, width), data: bodies, as })
  }
  if (tree.size === checkpoint.size)
    files.push(...tree.partialTiles().map((tile) => ({ ...tile, as: 'tail' as const })))
  const proof = await consistencyProof(at, tree.size, checkpoint.size)
  if (!verifyConsistency(tree.size, checkpoint.size, tree.root(), checkpoint.root, proof))
    throw new LogDamaged(
      `The first ${tree.size} entries of the log are not those of its signed checkpoint, so they are not copied. Run \`ostiary audit verify\`.`,
    )
  return { tree, files }
}

const damaged = (path: string, data: Uint8Array | undefined): LogDamaged =>
  new LogDamaged(
    `The log file ${path} is ${data ? 'damaged' : 'missing'}, so it is not copied. Run \`ostiary audit verify\`.`,
  )
