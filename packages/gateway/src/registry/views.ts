import { reveal } from '../lib/reveal.ts'
import type { JsonObject } from '../model/json.ts'
import type { ToolRow } from '../store/schema.ts'
import type { Validator } from './arguments.ts'
import { SchemaUnusable } from './arguments.ts'
import type { Finding } from './findings.ts'
import { readDocument } from './pins.ts'
import type { ToolKind } from './reference.ts'
import { referTo } from './reference.ts'
import { assess, compileFor } from './vetting.ts'

export type ToolStatus = ToolRow['status']

/** A definition as the data path sees it. */
export interface ToolView {
  readonly server: string
  readonly kind: ToolKind
  readonly name: string
  readonly status: ToolStatus
  readonly seenDigest: string
  readonly pinnedDigest: string | undefined
  /** The definition last seen; empty when the server lists the name more than once. */
  readonly seen: JsonObject
  /** The definition that was approved. */
  readonly pinned: JsonObject | undefined
  /** Checks arguments against {@link pinned}; undefined when nothing is pinned. */
  readonly validate: Validator | undefined
}

/** A view as another process can be sent it. */
export type PlainView = Omit<ToolView, 'validate'>

export const plainView = ({ validate: _, ...plain }: ToolView): PlainView => plain

/** The other end of {@link plainView}. */
export const revivedView = (plain: PlainView, before: ToolView | undefined): ToolView => ({
  ...plain,
  validate:
    before !== undefined && before.pinnedDigest === plain.pinnedDigest
      ? before.validate
      : validatorOf(plain.kind, plain.pinned),
})

/** `before` lends its compiled validator when the pinned definition is the same. */
export function viewOf(row: ToolRow, before: ToolView | undefined): ToolView {
  const pinnedDigest = row.pinned_digest ?? undefined
  const isSame = before !== undefined && before.pinnedDigest === pinnedDigest
  const pinned = isSame
    ? before.pinned
    : row.pinned === null
      ? undefined
      : readDocument(row.pinned).definition
  return {
    server: row.server,
    kind: row.kind,
    name: row.name,
    status: row.status,
    seenDigest: row.seen_digest,
    pinnedDigest,
    seen: readDocument(row.seen).definition ?? {},
    pinned,
    validate: isSame ? before.validate : validatorOf(row.kind, pinned),
  }
}

/** Compiles at the first call: most definitions are never used by one process. One that does not compile lets nothing pass. */
function validatorOf(kind: ToolKind, pinned: JsonObject | undefined): Validator | undefined {
  if (!pinned) return undefined
  let compiled: Validator | undefined
  return (args) => {
    try {
      compiled ??= compileFor(kind, pinned)
    } catch (error) {
      if (error instanceof SchemaUnusable) return error.message
      throw error
    }
    return compiled(args)
  }
}

/** A definition in a list for people. */
export interface ToolSummary {
  readonly ref: string
  readonly status: ToolStatus
  readonly title: string
  /** How many findings are `high`. */
  readonly findings: number
  /** Of what was last seen. */
  readonly digest: string
  readonly seen_at: number
  readonly decided_by: string | undefined
  readonly decided_at: number | undefined
  readonly note: string | undefined
}

/** A definition as a person vets it. */
export interface ToolDetails extends Omit<ToolSummary, 'findings'> {
  readonly pinned_digest: string | undefined
  /** What was last seen; several when the server lists the name more than once. Raw: show it through `reveal`. */
  readonly seen: JsonObject | readonly JsonObject[]
  readonly instructions: string | undefined
  readonly findings: readonly Finding[]
  /** Why it cannot be approved at all. */
  readonly problem: string | undefined
}

export function summaryOf(row: ToolRow, looked: readonly Finding[]): ToolSummary {
  const { document, findings } = assess(row)
  const { title, description } = document.definition ?? {}
  const first = [title, description].find((text) => typeof text === 'string')
  return {
    ref: referTo(row.server, row.kind, row.name),
    status: row.status,
    title: typeof first === 'string' ? reveal(first.split('\n', 1)[0] as string).slice(0, 100) : '',
    findings: [...findings, ...looked].filter(({ level }) => level === 'high').length,
    digest: row.seen_digest,
    seen_at: row.seen_at,
    decided_by: row.decided_by ?? undefined,
    decided_at: row.decided_at ?? undefined,
    note: row.note ?? undefined,
  }
}

export function detailsOf(row: ToolRow, looked: readonly Finding[]): ToolDetails {
  const { document, findings, problem } = assess(row)
  return {
    ...summaryOf(row, looked),
    pinned_digest: row.pinned_digest ?? undefined,
    seen: document.definition ?? document.duplicates ?? {},
    instructions: document.instructions ?? undefined,
    findings: [...findings, ...looked],
    problem,
  }
}
