import { crc32 } from 'node:zlib'
import { parseEntries } from '@ostiary/evidence'

const HEADER = 8
const LENGTHS = 6

/** What one append makes durable: the entry that is hashed into the tree, and the sealed body that travels beside it. */
export interface Appended {
  readonly entry: Uint8Array
  readonly body: Uint8Array | undefined
}

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

/** The bodies of a bundle's entries: each behind its 32-bit length, 0 where there is none. */
export function bodiesFile(bodies: readonly (Uint8Array | undefined)[]): Buffer {
  const out = Buffer.allocUnsafe(bodies.reduce((size, body) => size + 4 + (body?.length ?? 0), 0))
  let at = 0
  for (const body of bodies) {
    out.writeUInt32BE(body?.length ?? 0, at)
    if (body) out.set(body, at + 4)
    at += 4 + (body?.length ?? 0)
  }
  return out
}

/**
 * One group commit in the journal: 32-bit length, CRC-32, then for each append the lengths of entry (16 bit) and body (32 bit) and the two
 * themselves. A group counts whole or not at all, because a crash of the host may leave any part of an unfinished write.
 */
export function frame(group: readonly Appended[]): Buffer {
  const size = group.reduce((sum, { entry, body }) => sum + LENGTHS + entry.length + (body?.length ?? 0), 0)
  const out = Buffer.allocUnsafe(HEADER + size)
  let at = HEADER
  for (const { entry, body } of group) {
    out.writeUInt16BE(entry.length, at)
    out.writeUInt32BE(body?.length ?? 0, at + 2)
    out.set(entry, at + LENGTHS)
    if (body) out.set(body, at + LENGTHS + entry.length)
    at += LENGTHS + entry.length + (body?.length ?? 0)
  }
  out.writeUInt32BE(size, 0)
  out.writeUInt32BE(crc32(out.subarray(HEADER)), 4)
  return out
}

/** The whole groups at the beginning of a segment, and where the first thing that is none begins. */
export function readFrames(segment: Buffer): { appended: Appended[]; end: number } {
  const appended: Appended[] = []
  let at = 0
  for (let group = groupAt(segment, at); group; group = groupAt(segment, at)) {
    appended.push(...group.appended)
    at = group.end
  }
  return { appended, end: at }
}

/** The appends of the whole group that begins exactly here. */
function groupAt(segment: Buffer, at: number): { appended: Appended[]; end: number } | undefined {
  if (at + HEADER > segment.length) return undefined
  const length = segment.readUInt32BE(at)
  const end = at + HEADER + length
  if (length === 0 || end > segment.length) return undefined
  const content = segment.subarray(at + HEADER, end)
  // The lengths are checked first: they cost less than the sum where a search tries many places.
  const appended = parseGroup(content) ?? parseWithoutBodies(content)
  return appended && crc32(content) === segment.readUInt32BE(at + 4) ? { appended, end } : undefined
}

/**
 * A group as 0.1.0 wrote it, before there were bodies. It is never taken for one of ours: an entry begins with `{"`, which would be the length
 * of a body of two gigabytes.
 */
const parseWithoutBodies = (content: Buffer): Appended[] | undefined =>
  parseEntries(content)?.map((entry) => ({ entry, body: undefined }))

function parseGroup(content: Buffer): Appended[] | undefined {
  const appended: Appended[] = []
  let at = 0
  while (at < content.length) {
    if (at + LENGTHS > content.length) return undefined
    const entryEnd = at + LENGTHS + content.readUInt16BE(at)
    const end = entryEnd + content.readUInt32BE(at + 2)
    if (end > content.length) return undefined
    const body = end === entryEnd ? undefined : content.subarray(entryEnd, end)
    appended.push({ entry: content.subarray(at + LENGTHS, entryEnd), body })
    at = end
  }
  return appended
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
