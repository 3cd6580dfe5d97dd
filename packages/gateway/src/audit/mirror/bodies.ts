import { hash } from 'node:crypto'
import { parseBodies } from '@ostiary/evidence'

const MARK = Buffer.from('"body":{')

export interface BodiesCheck {
  /** Number, in the bundle, of the first entry whose body is not the one it names. */
  readonly wrong: number | undefined
  /** Bodies that entries name and that are not there: erased, past their time, or lost. */
  readonly absent: number
}

/** Compares the sealed bodies of a bundle with the digests that its entries, the leaves of the tree, name. */
export function checkBodies(entries: readonly Uint8Array[], file: Uint8Array | undefined): BodiesCheck {
  const bodies = file === undefined ? [] : parseBodies(file)
  if (!bodies || bodies.length > entries.length) return { wrong: 0, absent: 0 }
  let absent = 0
  for (const [i, entry] of entries.entries()) {
    const named = digestIn(entry)
    const body = bodies[i]
    if (body !== undefined && hash('sha256', body, 'base64url') !== named) return { wrong: i, absent }
    if (named !== undefined && body === undefined) absent++
  }
  return { wrong: undefined, absent }
}

/** base64url; undefined when the entry has no body. In canonical JSON the mark stands in no text: its quotes would be escaped. */
function digestIn(entry: Uint8Array): string | undefined {
  const bytes = Buffer.from(entry.buffer, entry.byteOffset, entry.byteLength)
  if (!bytes.includes(MARK)) return undefined
  const { body } = JSON.parse(bytes.toString('utf8')) as { body?: { sha256?: unknown } }
  return typeof body?.sha256 === 'string' ? body.sha256 : undefined
}
