import type { JsonObject } from '../../model/json.ts'
import { isObject } from '../../model/json.ts'
import type { LogEntry } from '../entry.ts'
import type { AgentDayRow, EntryRow, HourRow, SubjectRow, TaskRow } from './tables.ts'

/** Rows of consecutive entries. */
export interface Batch {
  readonly entries: readonly EntryRow[]
  readonly subjects: readonly SubjectRow[]
  readonly tasks: readonly TaskRow[]
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** PostgreSQL indexes at most 2704 octets: one text of three octets a character fits, and so do the five of the sums, shorter. */
const MAX_TEXT = 500
const MAX_KEY = 150
/** ECMA-262 section 21.4.1.1: no date is later. */
const LAST_MOMENT = 8.64e15
const MAX_SUBJECTS = 1000

/** No database takes every string: PostgreSQL has no NUL and no half of a surrogate pair. Nothing in an entry may stop the projection. */
function text(value: unknown): string | null {
  if (typeof value !== 'string' || value === '') return null
  return value.slice(0, MAX_TEXT).toWellFormed().replaceAll('\0', '\ufffd')
}

const key = (value: string | null): string => (value ?? '').slice(0, MAX_KEY).toWellFormed()

const count = (value: unknown): number | null =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : null

const object = (value: unknown): JsonObject => (isObject(value) ? value : {})

/** What the tables keep of one entry. Depends on nothing but the entry and its place, so that they can be made again at any time. */
export function rowOf(log: number, seq: number, leaf: string, entry: LogEntry): EntryRow {
  const { actor: rawActor, data: rawData, trace, body } = entry as unknown as JsonObject
  const actor = object(rawActor)
  const data = object(rawData)
  const target = (prefix: string) => {
    const named = text(data.target)
    return named?.startsWith(`${prefix}_`) ? named : null
  }
  return {
    log,
    seq,
    ts: Math.min(count(entry.ts) ?? 0, LAST_MOMENT),
    type: text(entry.type) ?? '',
    actor: text(actor.kind) ?? '',
    agent: text(actor.agent) ?? text(data.agent) ?? target('agt'),
    instance: text(actor.instance) ?? text(data.instance) ?? target('ins'),
    operator: text(actor.operator),
    task: text(entry.task) ?? target('tsk'),
    grant_id: text(entry.grant),
    call: text(data.call),
    server: text(data.server),
    name: text(data.name) ?? text(data.tool),
    method: text(data.method),
    outcome: outcomeOf(entry.type, data),
    code: text(data.code),
    trace: text(object(trace).id),
    span: text(object(trace).span),
    bytes: count(data.bytes),
    ms: count(data.ms),
    leaf,
    body_key: text(keysOf(body)),
  }
}

/** Most bodies have one key; those about several subjects have one of each. */
function keysOf(body: unknown): string {
  const { keys } = object(body)
  return Array.isArray(keys) ? keys.filter((key) => typeof key === 'string').join(' ') : ''
}

function outcomeOf(type: string, data: JsonObject): string | null {
  if (type === 'call.intent') return 'allowed'
  if (type === 'call.outcome') return text(data.result)
  return type === 'call.denied' || type.endsWith('.refused') || type === 'message.blocked' ? 'denied' : null
}

/** Pseudonyms of the subjects an entry is about, each once. */
export function subjectsOf(row: EntryRow, entry: LogEntry): SubjectRow[] {
  const { subjects } = entry as unknown as JsonObject
  const names = Array.isArray(subjects)
    ? subjects.slice(0, MAX_SUBJECTS).flatMap((one) => text(one) ?? [])
    : []
  return [...new Set(names)].map((subject) => ({ log: row.log, subject, ts: row.ts, seq: row.seq }))
}

/** The task that an entry opens, and whose it is. */
export function taskOf(row: EntryRow, entry: LogEntry): TaskRow | undefined {
  const { log, seq, task } = row
  if (task === null) return undefined
  const data = object(entry.data)
  const isDelegated = row.type === 'task.delegated'
  if (row.type !== 'task.opened' && !isDelegated) return undefined
  const agent = isDelegated ? text(data.to_agent) : row.agent
  const instance = isDelegated ? text(data.to_instance) : row.instance
  if (agent === null || instance === null) return undefined
  return { log, task, agent, instance, parent: isDelegated ? text(data.parent) : null, seq }
}

/** Sums of the entries, by hour and by what they say. URIs of resources are left out: they are as many as the data has objects. */
export const hoursOf = (entries: readonly EntryRow[]): HourRow[] =>
  summed(
    entries,
    (row) => ({
      log: row.log,
      hour: Math.floor(row.ts / HOUR_MS) * HOUR_MS,
      type: key(row.type),
      server: key(row.server),
      name: row.method?.startsWith('resources/') ? '' : key(row.name),
      outcome: key(row.outcome),
      code: key(row.code),
    }),
    { entries: () => 1, bytes: (row) => row.bytes ?? 0, ms: (row) => row.ms ?? 0 },
  )

/** Sums of the entries about an agent, by day. */
export const agentDaysOf = (entries: readonly EntryRow[]): AgentDayRow[] =>
  summed(
    entries.filter(({ agent }) => agent !== null),
    (row) => ({
      log: row.log,
      day: Math.floor(row.ts / DAY_MS) * DAY_MS,
      agent: key(row.agent),
      type: key(row.type),
      code: key(row.code),
    }),
    { entries: () => 1, bytes: (row) => row.bytes ?? 0 },
  )

function summed<Key extends object, Sum extends string>(
  entries: readonly EntryRow[],
  keyOf: (row: EntryRow) => Key,
  amounts: Readonly<Record<Sum, (row: EntryRow) => number>>,
): (Key & Record<Sum, number>)[] {
  const sums = new Map<string, Key & Record<Sum, number>>()
  const names = Object.keys(amounts) as Sum[]
  for (const row of entries) {
    const key = keyOf(row)
    const id = JSON.stringify(Object.values(key))
    let sum = sums.get(id)
    if (!sum) {
      sum = { ...key, ...Object.fromEntries(names.map((name) => [name, 0])) } as Key & Record<Sum, number>
      sums.set(id, sum)
    }
    const totals: Record<Sum, number> = sum
    for (const name of names) totals[name] += amounts[name](row)
  }
  return [...sums.values()]
}

/** What of a batch that begins at `from` is still to be added when everything below `projected` is there. */
export function restOf(batch: Batch, projected: number): Batch {
  const isNew = ({ seq }: { seq: number }) => seq >= projected
  return {
    entries: batch.entries.filter(isNew),
    subjects: batch.subjects.filter(isNew),
    tasks: batch.tasks.filter(isNew),
  }
}
