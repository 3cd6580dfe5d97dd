import { eventId } from '../delivery/sink.ts'
import type { LogEntry } from '../entry.ts'
import type { StoredEntry } from '../log.ts'
import { briefly, factsOf } from './facts.ts'
import type { Format, Source } from './format.ts'
import { printable, short } from './printable.ts'
import { severityOf } from './severity.ts'

/** Of the key `msg` (ArcSight Common Event Format, revision 26: 1023). */
const MSG_OCTETS = 1000

/** Event types are ours, names are not: in the header stands nothing that somebody else wrote. */
export const cef = ({ origin, version }: Source): Format => ({
  mediaType: 'text/plain',
  encode: (stored) => line(stored, { origin, version }, { ...named(stored.entry), msg: rest(stored.entry) }),
  brief: (stored) => line(stored, { origin, version }, named(stored.entry, briefly)),
})

function line(
  stored: StoredEntry,
  { origin, version }: Source,
  fields: Readonly<Record<string, string | undefined>>,
): string {
  const { type, ts } = stored.entry
  const header = [
    'CEF:0',
    'Ostiary',
    'Ostiary',
    version,
    type,
    type.replace(/[._]/g, ' '),
    severityOf(stored.entry).cef,
  ]
  const all = {
    rt: String(ts),
    externalId: eventId(origin, stored),
    cs1Label: 'leaf',
    cs1: stored.leaf,
    ...fields,
  }
  const extension = Object.entries(all).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${extensionValue(value)}`],
  )
  return `${header.map((value) => headerValue(String(value))).join('|')}|${extension.join(' ')}`
}

function named(entry: LogEntry, write?: (text: string) => string): Record<string, string | undefined> {
  const { actor, instance, task, call, server, method, name, code, outcome, trace } = factsOf(entry, write)
  const labelled = (n: number, label: string, value: string | undefined) =>
    value === undefined ? {} : { [`cs${n}Label`]: label, [`cs${n}`]: value }
  return {
    suser: actor,
    suid: instance,
    destinationServiceName: server,
    act: method,
    outcome,
    reason: code,
    ...labelled(2, 'task', task),
    ...labelled(3, 'call', call),
    ...labelled(4, 'name', name),
    ...labelled(5, 'trace', trace?.id),
  }
}

/** What has no key of its own in this format, as JSON. */
function rest({ data }: LogEntry): string {
  const { call: _c, server: _s, method: _m, code: _r, ...others } = data
  return short(JSON.stringify(others), MSG_OCTETS)
}

/** A backslash before a backslash or a pipe; there is no way to write the end of a line. */
export const headerValue = (text: string): string => printable(text).replace(/[\\|]/g, '\\$&')

/** A backslash before a backslash or an equals sign. */
export const extensionValue = (text: string): string => printable(text).replace(/[\\=]/g, '\\$&')
