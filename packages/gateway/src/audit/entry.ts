import { canonicalize } from '@ostiary/evidence'
import type { LogEvent } from '../model/evidence.ts'
import type { JsonObject } from '../model/json.ts'

/** Largest entry of a tlog-tiles bundle: its length is a 16-bit number. */
export const MAX_ENTRY = 65_535

/** An entry as it stands in the log. `ts` is epoch milliseconds. */
export interface LogEntry extends LogEvent {
  readonly v: 1
  readonly ts: number
}

/** An entry that cannot be written. It is our bug: callers cap what they put in. */
export class EntryTooLarge extends Error {
  override name = 'EntryTooLarge'
}

export function encodeEntry(event: LogEvent, ts: number): Buffer {
  const bytes = Buffer.from(canonicalize({ v: 1, ts, ...event }), 'utf8')
  if (bytes.length > MAX_ENTRY) throw new EntryTooLarge(`a ${event.type} entry of ${bytes.length} bytes`)
  return bytes
}

export const decodeEntry = (bytes: Uint8Array): LogEntry =>
  JSON.parse(Buffer.from(bytes).toString('utf8')) as JsonObject as unknown as LogEntry
