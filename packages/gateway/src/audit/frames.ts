import { crc32 } from 'node:zlib'
import { parseEntries } from '@ostiary/evidence'

const HEADER = 8

/** Entries as a tlog-tiles bundle: each behind its 16-bit length. */
export function bundle(entries: readonly Uint8Array[]): Buffer {
  const out = Buffer.allocUnsafe(entries.reduce((size, entry) => size + 2 + entry.length, 0))
  let at = 0
  for (const entry of entries) {
    out.writeUInt16BE(entry.length, at)
    out.set(entry, at + 2)
    at += 2 + entry.length
  }
  return out
}

/**
 * One group commit in the journal: 32-bit length, CRC-32, bundle. A group counts whole or not at all, because a crash of the host may
 * leave any part of an unfinished write.
 */
export function frame(entries: readonly Uint8Array[]): Buffer {
  const body = bundle(entries)
  const header = Buffer.allocUnsafe(HEADER)
  header.writeUInt32BE(body.length, 0)
  header.writeUInt32BE(crc32(body), 4)
  return Buffer.concat([header, body])
}

/** The whole groups at the beginning of a segment, and where the first thing that is none begins. */
export function readFrames(segment: Buffer): { entries: Uint8Array[]; end: number } {
  const entries: Uint8Array[] = []
  let at = 0
  while (at + HEADER <= segment.length) {
    const end = at + HEADER + segment.readUInt32BE(at)
    if (end === at + HEADER || end > segment.length) break
    const body = segment.subarray(at + HEADER, end)
    const group = crc32(body) === segment.readUInt32BE(at + 4) ? parseEntries(body) : undefined
    if (!group) break
    entries.push(...group)
    at = end
  }
  return { entries, end: at }
}

/**
 * True when a whole group follows the first thing that is none: a group is written only after the one before it is durable, so no
 * crash leaves that, only damage.
 */
export function hasFrameAfter(segment: Buffer, end: number): boolean {
  const length = end + HEADER <= segment.length ? segment.readUInt32BE(end) : 0
  const next = end + HEADER + length
  return length > 0 && next <= segment.length && readFrames(segment.subarray(next)).entries.length > 0
}
