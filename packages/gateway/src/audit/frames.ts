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
  for (let group = groupAt(segment, at); group; group = groupAt(segment, at)) {
    entries.push(...group.entries)
    at = group.end
  }
  return { entries, end: at }
}

/** The entries of the whole group that begins exactly here. */
function groupAt(segment: Buffer, at: number): { entries: Uint8Array[]; end: number } | undefined {
  if (at + HEADER > segment.length) return undefined
  const length = segment.readUInt32BE(at)
  const end = at + HEADER + length
  if (length === 0 || end > segment.length) return undefined
  const body = segment.subarray(at + HEADER, end)
  // The lengths are checked first: they cost less than the sum where a search tries many places.
  const entries = parseEntries(body)
  return entries && crc32(body) === segment.readUInt32BE(at + 4) ? { entries, end } : undefined
}

/**
 * True when a whole group follows anywhere behind the first thing that is none: a group is written only after the one before it is
 * durable, so no crash leaves that, only damage. The length of the damaged group may be part of the damage, hence the search.
 */
export function hasFrameAfter(segment: Buffer, end: number): boolean {
  for (let at = end + 1; at + HEADER <= segment.length; at++) {
    // The length of a group that is not a segment's first stays below 2^24.
    if (segment[at] === 0 && groupAt(segment, at)) return true
  }
  return false
}
