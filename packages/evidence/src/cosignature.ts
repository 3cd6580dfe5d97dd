import { concat, utf8 } from './bytes.ts'
import type { Checkpoint } from './checkpoint.ts'

const MAX_NAME = 255

/** What a witness signs with Ed25519: the time in seconds, and the whole text of the checkpoint (C2SP tlog-cosignature). */
export const cosignedText = (time: number, text: string): Uint8Array =>
  utf8(`cosignature/v1\ntime ${time}\n${text}`)

/**
 * What a witness signs with ML-DSA-44: a `cosigned_message` over the tree from its first leaf (C2SP tlog-cosignature). Undefined when a
 * name is longer than the structure can hold.
 */
export function cosignedTree(name: string, time: number, tree: Checkpoint): Uint8Array | undefined {
  const names = [utf8(name), utf8(tree.origin)] as const
  if (names.some(({ length }) => length === 0 || length > MAX_NAME)) return undefined
  const sized = (bytes: Uint8Array) => concat(Uint8Array.of(bytes.length), bytes)
  return concat(
    utf8('subtree/v1\n\0'),
    sized(names[0]),
    uint64(time),
    sized(names[1]),
    uint64(0),
    uint64(tree.size),
    tree.root,
  )
}

/** Big-endian. */
export function uint64(value: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value))
  return bytes
}

/** Time and signature of a `timestamped_signature`. Undefined when it is too short or its time is beyond 2^53. */
export function timestamped(data: Uint8Array): { time: number; signature: Uint8Array } | undefined {
  if (data.length <= 8) return undefined
  const time = Number(new DataView(data.buffer, data.byteOffset, 8).getBigUint64(0))
  return Number.isSafeInteger(time) ? { time, signature: data.subarray(8) } : undefined
}
