import type { LogEvent } from '../model/evidence.ts'
import type { JsonObject } from '../model/json.ts'
import { recordable } from './recordable.ts'

/** Largest entry of a tlog-tiles bundle: its length is a 16-bit number. */
export const MAX_ENTRY = 65_535

/** An event without what may tell of a person, which is sealed beside it. */
export interface LeafEvent extends Omit<LogEvent, 'about' | 'content'> {
  /** Pseudonyms of those it is about. */
  readonly subjects?: readonly string[]
  readonly body?: BodyReference
}

/** How an entry commits to its sealed body, base64url. */
export interface BodyReference {
  /** SHA-256 of the sealed bytes: who has no key can tell that they are the ones. */
  readonly sha256: string
  /** SHA-256 of a salt and the content; the salt is sealed with it. No key opens it to anything else. */
  readonly commitment: string
  /** Keys that it is sealed under; all of them are needed. */
  readonly keys: readonly string[]
}

/** An entry as it stands in the log. `ts` is epoch milliseconds. */
export interface LogEntry extends LeafEvent {
  readonly v: 1
  readonly ts: number
}

/** An entry that cannot be written. It is our bug: callers cap what they put in. */
export class EntryTooLarge extends Error {
  override name = 'EntryTooLarge'
}

export function encodeEntry(event: LeafEvent, ts: number): Buffer {
  // Content must never stand in the log by mistake: it could not be taken back.
  if ('content' in event || 'about' in event) throw new TypeError(`a ${event.type} entry that is not sealed`)
  const bytes = Buffer.from(recordable({ v: 1, ts, ...event }), 'utf8')
  if (bytes.length > MAX_ENTRY) throw new EntryTooLarge(`a ${event.type} entry of ${bytes.length} bytes`)
  return bytes
}

export const decodeEntry = (bytes: Uint8Array): LogEntry =>
  JSON.parse(Buffer.from(bytes).toString('utf8')) as JsonObject as unknown as LogEntry
