/**
 * The searchable tables: an index of the log, never its truth. Numbers are integers below 2^53, times epoch milliseconds. Texts are what
 * stands in the entry; there are no argument values and no names of subjects in it, so there are none here.
 */
export interface ProjectionTables {
  readonly projection_logs: LogRow
  readonly projection_entries: EntryRow
  readonly projection_subjects: SubjectRow
  readonly projection_tasks: TaskRow
  readonly projection_hours: HourRow
  readonly projection_agent_days: AgentDayRow
}

export interface LogRow {
  readonly id: number
  /** Name of the log in its checkpoints. */
  readonly origin: string
  /** Entries that are in the tables: all below this index. */
  readonly projected: number
}

export interface EntryRow {
  readonly log: number
  /** Index in its log. */
  readonly seq: number
  readonly ts: number
  readonly type: string
  readonly actor: string
  /** Whom it is about: who did it, what an operator did it to, or whose task it belongs to. */
  readonly agent: string | null
  readonly instance: string | null
  readonly operator: string | null
  readonly task: string | null
  readonly grant_id: string | null
  readonly call: string | null
  readonly server: string | null
  /** Tool, prompt, model or resource. */
  readonly name: string | null
  readonly method: string | null
  /** `allowed` for an intent, `denied` for what was refused, and the result for an outcome. */
  readonly outcome: string | null
  readonly code: string | null
  readonly trace: string | null
  readonly span: string | null
  readonly bytes: number | null
  readonly ms: number | null
  /** RFC 6962 leaf hash, standard base64. */
  readonly leaf: string
  /** Ids of the keys that seal the content beside the entry, with a space between them. */
  readonly body_key: string | null
}

export interface SubjectRow {
  readonly log: number
  /** Pseudonym. */
  readonly subject: string
  readonly ts: number
  readonly seq: number
}

export interface TaskRow {
  readonly log: number
  readonly task: string
  readonly agent: string
  readonly instance: string
  readonly parent: string | null
  /** Where it was opened. */
  readonly seq: number
}

/** Sums of an hour; an absent text is the empty one. */
export interface HourRow {
  readonly log: number
  readonly hour: number
  readonly type: string
  readonly server: string
  readonly name: string
  readonly outcome: string
  readonly code: string
  readonly entries: number
  readonly bytes: number
  readonly ms: number
}

/** Sums of a day (UTC) of one agent; apart from those of hours, because together there would be nearly as many rows as entries. */
export interface AgentDayRow {
  readonly log: number
  readonly day: number
  readonly agent: string
  readonly type: string
  readonly code: string
  readonly entries: number
  readonly bytes: number
}

type Column<Row> = readonly [name: keyof Row & string, type: 'number' | 'text', nullable?: 'null']

/** In the order in which rows are written, in each dialect and in Parquet. */
export const ENTRY_COLUMNS: readonly Column<EntryRow>[] = [
  ['log', 'number'],
  ['seq', 'number'],
  ['ts', 'number'],
  ['type', 'text'],
  ['actor', 'text'],
  ['agent', 'text', 'null'],
  ['instance', 'text', 'null'],
  ['operator', 'text', 'null'],
  ['task', 'text', 'null'],
  ['grant_id', 'text', 'null'],
  ['call', 'text', 'null'],
  ['server', 'text', 'null'],
  ['name', 'text', 'null'],
  ['method', 'text', 'null'],
  ['outcome', 'text', 'null'],
  ['code', 'text', 'null'],
  ['trace', 'text', 'null'],
  ['span', 'text', 'null'],
  ['bytes', 'number', 'null'],
  ['ms', 'number', 'null'],
  ['leaf', 'text'],
  ['body_key', 'text', 'null'],
]

export const SUBJECT_COLUMNS: readonly Column<SubjectRow>[] = [
  ['log', 'number'],
  ['subject', 'text'],
  ['ts', 'number'],
  ['seq', 'number'],
]

export const TASK_COLUMNS: readonly Column<TaskRow>[] = [
  ['log', 'number'],
  ['task', 'text'],
  ['agent', 'text'],
  ['instance', 'text'],
  ['parent', 'text', 'null'],
  ['seq', 'number'],
]

export const HOUR_COLUMNS: readonly Column<HourRow>[] = [
  ['log', 'number'],
  ['hour', 'number'],
  ['type', 'text'],
  ['server', 'text'],
  ['name', 'text'],
  ['outcome', 'text'],
  ['code', 'text'],
  ['entries', 'number'],
  ['bytes', 'number'],
  ['ms', 'number'],
]

export const AGENT_DAY_COLUMNS: readonly Column<AgentDayRow>[] = [
  ['log', 'number'],
  ['day', 'number'],
  ['agent', 'text'],
  ['type', 'text'],
  ['code', 'text'],
  ['entries', 'number'],
  ['bytes', 'number'],
]

/** Raised when a column is added or changes its meaning: tables of another version are made anew from the log. */
export const TABLES_VERSION = 1
