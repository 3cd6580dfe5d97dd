import type { JsonObject } from '../model/json.ts'
import type { Reason } from '../model/reasons.ts'
import { reason } from '../model/reasons.ts'
import type { ToolRow } from '../store/schema.ts'
import type { Validator } from './arguments.ts'
import { compileArguments, SchemaUnusable } from './arguments.ts'
import type { Finding } from './findings.ts'
import { findingsOf } from './findings.ts'
import { headerMisuse } from './header-params.ts'
import type { PinnedDocument } from './pins.ts'
import { readDocument } from './pins.ts'
import { compilePromptArguments } from './prompt-arguments.ts'
import type { ToolKind } from './reference.ts'
import { referTo } from './reference.ts'
import type { ToolView } from './views.ts'

/**
 * Why a definition may not be used now, or its arguments are wrong; undefined when all is well.
 * In this order: unknown, rejected, unvetted, quarantined, arguments.
 */
export function check(
  views: ReadonlyMap<string, ToolView>,
  server: string,
  kind: ToolKind,
  name: string,
  args: JsonObject | undefined,
): Reason | undefined {
  const tool = referTo(server, kind, name.slice(0, 200))
  const view = views.get(`${kind}:${name}`)
  if (!view) return reason('TOOL_UNKNOWN', { tool })
  if (view.status === 'rejected') return reason('TOOL_REJECTED', { tool })
  if (view.status === 'proposed') return reason('TOOL_UNVETTED', { tool })
  if (view.status !== 'approved' || view.seenDigest !== view.pinnedDigest || !view.validate) {
    return reason('TOOL_QUARANTINED', { tool })
  }
  const detail = view.validate(args)
  return detail === undefined ? undefined : reason('TOOL_ARGUMENTS_INVALID', { tool, detail })
}

/** What is known of a definition before anyone decides. */
export interface Assessment {
  readonly document: PinnedDocument
  readonly findings: readonly Finding[]
  /** Why it cannot be approved at all. */
  readonly problem: string | undefined
}

const assessments = new WeakMap<ToolRow, Assessment>()

/** Looks at what was last seen; once for each row, because rows are never altered in place. */
export function assess(row: ToolRow): Assessment {
  const known = assessments.get(row)
  if (known) return known
  const document = readDocument(row.seen)
  const assessment = { document, findings: findingsOf(document), problem: problemOf(row.kind, document) }
  assessments.set(row, assessment)
  return assessment
}

function problemOf(kind: ToolKind, { definition }: PinnedDocument): string | undefined {
  if (!definition) return 'its server lists several definitions of this name'
  try {
    compileFor(kind, definition)
  } catch (error) {
    if (error instanceof SchemaUnusable) return error.message
    throw error
  }
  return kind === 'tool' ? headerMisuse(definition.inputSchema) : undefined
}

/** @throws SchemaUnusable */
export function compileFor(kind: ToolKind, definition: JsonObject): Validator {
  if (kind === 'prompt') return compilePromptArguments(definition)
  if (definition.inputSchema === undefined) throw new SchemaUnusable('it has no inputSchema')
  return compileArguments(definition.inputSchema)
}
