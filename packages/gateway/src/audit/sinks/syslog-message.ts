import { eventId } from '../delivery/sink.ts'
import type { Format } from '../formats/format.ts'
import { printable } from '../formats/printable.ts'
import { severityOf } from '../formats/severity.ts'
import type { StoredEntry } from '../log.ts'

/** "log audit" (RFC 5424 section 6.2.1). */
const FACILITY = 13
/** The enterprise number for documentation (RFC 5612): Ostiary has none of its own. */
const SD_ID = 'ostiary@32473'
const LONGEST_HOST = 120

export interface SyslogSource {
  readonly origin: string
  readonly host: string
  /** Id of the process. */
  readonly process: number
  readonly maxOctets: number
}

/** One message by RFC 5424, at most `maxOctets` long: with the brief form of the event where the whole does not fit. */
export function syslogMessage(stored: StoredEntry, format: Format, source: SyslogSource): Buffer {
  const { ts, type } = stored.entry
  const head = [
    `<${FACILITY * 8 + severityOf(stored.entry).syslog}>1`,
    new Date(ts).toISOString(),
    word(source.host, LONGEST_HOST),
    'ostiary',
    String(source.process),
    word(type, 32),
    `[${SD_ID} id="${sdValue(eventId(source.origin, stored))}" index="${stored.index}" leaf="${sdValue(stored.leaf)}"]`,
    '',
  ].join(' ')
  const whole = Buffer.from(head + format.encode(stored))
  if (whole.length <= source.maxOctets) return whole
  // The end is cut off only where the log has a name of hundreds of characters.
  return Buffer.from(head + format.brief(stored)).subarray(0, source.maxOctets)
}

/** PRINTUSASCII (section 6), or the sign for "not known". */
export const word = (text: string, length: number): string =>
  text.replace(/[^!-~]/g, '').slice(0, length) || '-'

/** Section 6.3.3: a backslash before `"`, `\` and `]`. */
export const sdValue = (text: string): string => printable(text).replace(/["\\\]]/g, '\\$&')
