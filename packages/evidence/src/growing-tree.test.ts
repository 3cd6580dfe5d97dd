import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concat } from './bytes.ts'
import { GrowingTree } from './growing-tree.ts'
import { leafHash, nodeHash, rangeHash } from './merkle.ts'
import { partialWidth, TILE_WIDTH } from './tiles.ts'

const leaves = Array.from({ length: 66_100 }, (_, n) => leafHash(Uint8Array.of(n & 255, n >> 8)))
/** Every complete subtree of the first leaves, by level. */
const levels: Uint8Array[][] = [leaves]
while ((levels.at(-1) as Uint8Array[]).length > 1) {
  const below = levels.at(-1) as Uint8Array[]
  levels.push(
    Array.from({ length: Math.floor(below.length / 2) }, (_, i) =>
      nodeHash(below[2 * i] as Uint8Array, below[2 * i + 1] as Uint8Array),
    ),
  )
}
const at = (level: number, index: number) => levels[level]?.[index] as Uint8Array

test('a growing tree has the root and the tiles of RFC 9162 at every size, also when it goes on from one', async () => {
  const tree = new GrowingTree()
  for (const [n, leaf] of leaves.entries()) {
    const isWatched = n <= 1100 || n >= 65_530
    if (isWatched) {
      assert.deepEqual(tree.root(), await rangeHash(at, 0, n), `size ${n}`)
      const resumed = await GrowingTree.of(n, at)
      assert.deepEqual(resumed.root(), tree.root())
      assert.deepEqual(resumed.partialTiles(), tree.partialTiles())
      const widths = [0, 1, 2].map((level) => partialWidth(level, n)).filter((width) => width > 0)
      assert.deepEqual(
        tree.partialTiles().map(({ data }) => data.length / 32),
        widths,
      )
      assert.deepEqual(resumed.append(leaf), tree.append(leaf))
    } else {
      for (const { level, index, data } of tree.append(leaf)) {
        const first = index * TILE_WIDTH
        const expected = concat(...(levels[8 * level] as Uint8Array[]).slice(first, first + TILE_WIDTH))
        assert.deepEqual(data, expected, `tile ${index} of level ${level}`)
      }
    }
  }
})
