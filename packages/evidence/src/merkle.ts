import { sha256 } from '#sha256'
import { concat, equal } from './bytes.ts'

/** The Merkle tree of RFC 6962 section 2.1 and RFC 9162 section 2.1. Indexes and sizes are plain numbers below 2^53. */

const LEAF = Uint8Array.of(0)
const NODE = Uint8Array.of(1)

export const EMPTY_ROOT: Uint8Array = sha256(new Uint8Array())
export const leafHash = (entry: Uint8Array): Uint8Array => sha256(concat(LEAF, entry))
export const nodeHash = (left: Uint8Array, right: Uint8Array): Uint8Array => sha256(concat(NODE, left, right))

/** Hash of the complete subtree of 2^level leaves that begins at leaf `index * 2^level`. */
export type NodeAt = (level: number, index: number) => Uint8Array | Promise<Uint8Array>

/** Largest power of two below `n`, for n > 1. */
function split(n: number): number {
  let k = 1
  while (k * 2 < n) k *= 2
  return k
}

/** Math.log2 alone rounds: it calls 2^49 + 1 a power of two. */
const isPowerOfTwo = (n: number): boolean => 2 ** Math.round(Math.log2(n)) === n

/** Root of the leaves from `start` up to, not including, `end`; `start` is a multiple of the subtree's size. */
export async function rangeHash(at: NodeAt, start: number, end: number): Promise<Uint8Array> {
  const size = end - start
  if (size === 0) return EMPTY_ROOT
  if (isPowerOfTwo(size) && start % size === 0) return await at(Math.round(Math.log2(size)), start / size)
  const k = split(size)
  return nodeHash(await rangeHash(at, start, start + k), await rangeHash(at, start + k, end))
}

/** Audit path of leaf `index` in the tree of `size` leaves, from the leaf's sibling up (RFC 9162 section 2.1.3.1). */
export async function inclusionProof(at: NodeAt, index: number, size: number): Promise<Uint8Array[]> {
  const path = async (start: number, end: number): Promise<Uint8Array[]> => {
    if (end - start === 1) return []
    const middle = start + split(end - start)
    return index < middle
      ? [...(await path(start, middle)), await rangeHash(at, middle, end)]
      : [...(await path(middle, end)), await rangeHash(at, start, middle)]
  }
  return await path(0, size)
}

/** Proof that the tree of `first` leaves is a prefix of the tree of `second` (RFC 9162 section 2.1.4.1). @throws RangeError when it is longer */
export async function consistencyProof(at: NodeAt, first: number, second: number): Promise<Uint8Array[]> {
  const proof = async (m: number, start: number, end: number, whole: boolean): Promise<Uint8Array[]> => {
    if (m === end - start) return whole ? [] : [await rangeHash(at, start, end)]
    const k = split(end - start)
    return m <= k
      ? [...(await proof(m, start, start + k, whole)), await rangeHash(at, start + k, end)]
      : [...(await proof(m - k, start + k, end, false)), await rangeHash(at, start, start + k)]
  }
  if (first > second) throw new RangeError('a tree is no prefix of a shorter one')
  return first === 0 || first === second ? [] : await proof(first, 0, second, true)
}

/** RFC 9162 section 2.1.3.2. */
export function verifyInclusion(
  leaf: Uint8Array,
  index: number,
  size: number,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) return false
  let fn = index
  let sn = size - 1
  let r = leaf
  for (const p of proof) {
    if (sn === 0) return false
    if (fn % 2 === 1 || fn === sn) {
      r = nodeHash(p, r)
      while (fn % 2 === 0 && fn !== 0) {
        fn /= 2
        sn = Math.floor(sn / 2)
      }
    } else r = nodeHash(r, p)
    fn = Math.floor(fn / 2)
    sn = Math.floor(sn / 2)
  }
  return sn === 0 && equal(r, root)
}

/** RFC 9162 section 2.1.4.2. */
export function verifyConsistency(
  first: number,
  second: number,
  firstRoot: Uint8Array,
  secondRoot: Uint8Array,
  proof: readonly Uint8Array[],
): boolean {
  if (first > second) return false
  if (first === second) return proof.length === 0 && equal(firstRoot, secondRoot)
  if (first === 0) return proof.length === 0 && equal(firstRoot, EMPTY_ROOT)
  const path = isPowerOfTwo(first) ? [firstRoot, ...proof] : [...proof]
  const start = path.shift()
  if (!start) return false
  let fn = first - 1
  let sn = second - 1
  while (fn % 2 === 1) {
    fn = Math.floor(fn / 2)
    sn = Math.floor(sn / 2)
  }
  let fr = start
  let sr = start
  for (const c of path) {
    if (sn === 0) return false
    if (fn % 2 === 1 || fn === sn) {
      fr = nodeHash(c, fr)
      sr = nodeHash(c, sr)
      while (fn % 2 === 0 && fn !== 0) {
        fn /= 2
        sn = Math.floor(sn / 2)
      }
    } else sr = nodeHash(sr, c)
    fn = Math.floor(fn / 2)
    sn = Math.floor(sn / 2)
  }
  return sn === 0 && equal(fr, firstRoot) && equal(sr, secondRoot)
}
