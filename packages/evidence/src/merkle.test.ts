import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  consistencyProof,
  EMPTY_ROOT,
  inclusionProof,
  leafHash,
  nodeHash,
  rangeHash,
  verifyConsistency,
  verifyInclusion,
} from './merkle.ts'
import { sha256 } from './sha256.ts'
import { entriesPath, parseEntries, partialWidth, tilePath } from './tiles.ts'

/** Root of the first n of these leaves, RFC 6962 test vectors. */
const LEAVES = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
]
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]
const MAX = 130

const leaves = Array.from({ length: MAX }, (_, n) => leafHash(Uint8Array.of(n)))
/** Every complete subtree once. */
const levels = [leaves]
for (let below = leaves; below.length > 1; below = levels.at(-1) as Uint8Array[]) {
  levels.push(
    Array.from({ length: below.length >> 1 }, (_, i) =>
      nodeHash(below[2 * i] as Uint8Array, below[2 * i + 1] as Uint8Array),
    ),
  )
}
const at = (level: number, index: number): Uint8Array => {
  const found = levels[level]?.[index]
  assert.ok(found, `no subtree ${index} at level ${level}`)
  return found
}
const roots = await Promise.all(Array.from({ length: MAX + 1 }, (_, size) => rangeHash(at, 0, size)))
const root = (size: number): Uint8Array => roots[size] as Uint8Array
const flipped = (bytes: Uint8Array): Uint8Array =>
  Uint8Array.from(bytes, (byte, i) => (i === 7 ? byte ^ 1 : byte))

test('the roots are those of RFC 6962', async () => {
  const hashes = LEAVES.map((hex) => leafHash(Buffer.from(hex, 'hex')))
  const build = (level: number, index: number): Uint8Array =>
    level === 0
      ? (hashes[index] as Uint8Array)
      : nodeHash(build(level - 1, 2 * index), build(level - 1, 2 * index + 1))
  for (const [size, expected] of ROOTS.entries()) {
    assert.equal(Buffer.from(await rangeHash(build, 0, size)).toString('hex'), expected)
  }
})

test(`every inclusion proof up to size ${MAX} verifies, and for nothing else`, async () => {
  for (let size = 1; size <= MAX; size++) {
    for (let index = 0; index < size; index++) {
      const proof = await inclusionProof(at, index, size)
      const leaf = leaves[index] as Uint8Array
      assert.ok(verifyInclusion(leaf, index, size, proof, root(size)), `${index} of ${size}`)
      assert.ok(!verifyInclusion(flipped(leaf), index, size, proof, root(size)))
      if (size > 1) assert.ok(!verifyInclusion(leaf, (index + 1) % size, size, proof, root(size)))
      assert.ok(!verifyInclusion(leaf, index, size, [...proof, leaf], root(size)))
      if (proof.length > 0) assert.ok(!verifyInclusion(leaf, index, size, proof.slice(0, -1), root(size)))
    }
  }
})

test(`every consistency proof up to size ${MAX} verifies, and for nothing else`, async () => {
  for (let second = 1; second <= MAX; second++) {
    for (let first = 0; first <= second; first++) {
      const proof = await consistencyProof(at, first, second)
      const check = (from: Uint8Array, to: Uint8Array, path = proof) =>
        verifyConsistency(first, second, from, to, path)
      assert.ok(check(root(first), root(second)), `${first} to ${second}`)
      assert.ok(!check(flipped(root(first)), root(second)), `${first} to ${second}, another old root`)
      if (first > 0) assert.ok(!check(root(first), flipped(root(second))))
      assert.ok(!check(root(first), root(second), [...proof, root(1)]))
      if (proof.length > 0) assert.ok(!check(root(first), root(second), proof.slice(1)))
    }
  }
  assert.ok(!verifyConsistency(3, 2, root(3), root(2), []), 'a log never shrinks')
  assert.ok(verifyConsistency(0, 5, EMPTY_ROOT, root(5), []))
})

test('one flipped bit anywhere in a proof breaks it', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 2, max: MAX }),
      fc.nat(),
      fc.nat(),
      fc.nat(),
      async (size, i, p, bit) => {
        const index = i % size
        const proof = await inclusionProof(at, index, size)
        const bent = proof.map((node) => Uint8Array.from(node))
        const node = bent[p % bent.length] as Uint8Array
        node[(bit >> 3) % 32] = (node[(bit >> 3) % 32] as number) ^ (1 << (bit & 7))
        return !verifyInclusion(leaves[index] as Uint8Array, index, size, bent, root(size))
      },
    ),
  )
})

test('indexes beyond 32 bits, and next to powers of two that floating point rounds to, are proven right', async () => {
  // All leaves are the same here, so that a subtree's hash hangs on its level alone.
  const same = [leafHash(Uint8Array.of(1))]
  while (same.length < 54) same.push(nodeHash(same.at(-1) as Uint8Array, same.at(-1) as Uint8Array))
  const big = (level: number) => same[level] as Uint8Array
  const sizes = [2 ** 31 + 3, 2 ** 32, 2 ** 33 + 1, 2 ** 49 - 1, 2 ** 49 + 1, 2 ** 52 + 1]
  for (const size of sizes) {
    const whole = await rangeHash(big, 0, size)
    for (const index of [0, 1, 2 ** 31 - 1, 2 ** 31, size - 2, size - 1].filter((n) => n < size)) {
      assert.ok(verifyInclusion(big(0), index, size, await inclusionProof(big, index, size), whole))
    }
    for (const first of [1, 3, 2 ** 31, ...sizes].filter((n) => n <= size)) {
      const proof = await consistencyProof(big, first, size)
      const old = await rangeHash(big, 0, first)
      assert.ok(verifyConsistency(first, size, old, whole, proof), `${first} to ${size}`)
    }
  }
})

test('hostile numbers never verify', () => {
  const leaf = leaves[0] as Uint8Array
  for (const [index, size] of [
    [-1, 1],
    [1, 1],
    [0, 0],
    [0.5, 1],
    [Number.NaN, 1],
    [0, Number.NaN],
  ] as const) {
    assert.equal(verifyInclusion(leaf, index, size, [], leaf), false, `${index} of ${size}`)
  }
})

test('the SHA-256 of browsers is that of the platform, for every length around a block and any content', () => {
  for (let length = 0; length < 200; length++) {
    const bytes = Uint8Array.from({ length }, (_, i) => i * 31)
    assert.deepEqual(Buffer.from(sha256(bytes)), hash('sha256', bytes, 'buffer'), `length ${length}`)
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 4096 }), (bytes) =>
      hash('sha256', bytes, 'buffer').equals(sha256(bytes)),
    ),
  )
})

test('tile names and widths are those of tlog-tiles', () => {
  assert.equal(tilePath(0, 1_234_067), 'tile/0/x001/x234/067')
  assert.equal(tilePath(2, 0, 1), 'tile/2/000.p/1')
  assert.equal(entriesPath(999), 'tile/entries/999')
  assert.equal(entriesPath(1000, 255), 'tile/entries/x001/000.p/255')
  assert.deepEqual(
    [0, 1, 2, 3].map((level) => partialWidth(level, 70_000)),
    [112, 17, 1, 0],
  )
  assert.deepEqual(
    [0, 1].map((level) => partialWidth(level, 256)),
    [0, 1],
  )
})

test('a bundle of entries is taken apart whole or not at all', () => {
  const bytes = (...values: number[]) => Uint8Array.from(values)
  assert.deepEqual(parseEntries(bytes()), [])
  assert.deepEqual(parseEntries(bytes(0, 1, 9, 0, 0)), [bytes(9), bytes()])
  for (const broken of [bytes(0), bytes(0, 1), bytes(0, 2, 9), bytes(255, 255), bytes(0, 1, 9, 0)]) {
    assert.equal(parseEntries(broken), undefined)
  }
})
