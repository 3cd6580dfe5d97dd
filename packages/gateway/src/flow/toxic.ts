import type { Labels } from '../config/label-schema.ts'
import type { ToolLabel } from './labels.ts'
import { labelBook } from './labels.ts'

/** Tools that together, in one task, let somebody else's text do harm. The codes are those that scanners of MCP servers use. */
export interface ToxicFlow {
  /** TF001: private data can get out. TF002: something can be destroyed. */
  readonly code: 'TF001' | 'TF002'
  /** `high` for secrets and health data, and for destruction; `note` for what is only internal. */
  readonly level: 'note' | 'high'
  /** Bring in text that anybody may have written. */
  readonly untrusted: readonly string[]
  /** Of TF001: give what is not for everybody. */
  readonly private: readonly string[]
  /** Can send out, or destroy. */
  readonly sinks: readonly string[]
}

/**
 * Toxic flows among the tools of one task template, from what the operator says of them and never from what their servers claim.
 * A tool without a label counts as anything it might be. `server/*` stands for the labelled tools of that server and, because more may
 * be approved later, for one without a label.
 */
export function toxicFlows(templateTools: readonly string[], labels: Labels): readonly ToxicFlow[] {
  const book = labelBook(labels)
  const known = Object.keys(labels)
  const tools = [...new Set(templateTools.flatMap((ref) => expand(ref, known)))].sort().map(book)
  const names = (which: (tool: ToolLabel) => boolean) => tools.filter(which).map(({ tool }) => tool)

  const untrusted = names((tool) => tool.bringsUntrusted)
  if (untrusted.length === 0) return []
  const secret = names((tool) => tool.mostConfidential === 'secret' || tool.mostConfidential === 'phi')
  const internal = names((tool) => tool.mostConfidential === 'internal')
  const egress = names(({ effect }) => effect === 'egress')
  const destructive = names(({ effect }) => effect === 'destructive')

  const found: ToxicFlow[] = []
  const held = secret.length > 0 ? secret : internal
  if (egress.length > 0 && held.length > 0) {
    const level = secret.length > 0 ? 'high' : 'note'
    found.push({ code: 'TF001', level, untrusted, private: held, sinks: egress })
  }
  if (destructive.length > 0)
    found.push({ code: 'TF002', level: 'high', untrusted, private: [], sinks: destructive })
  return found
}

function expand(ref: string, known: readonly string[]): string[] {
  if (!ref.endsWith('/*')) return [ref]
  const server = ref.slice(0, -1)
  return [ref, ...known.filter((tool) => tool.startsWith(server))]
}

/** As a sentence for people. */
export function describeFlow({ code, untrusted, private: held, sinks }: ToxicFlow): string {
  const list = (tools: readonly string[]) =>
    tools.length > 3 ? `${tools.slice(0, 3).join(', ')} and ${tools.length - 3} more` : tools.join(', ')
  return code === 'TF001'
    ? `TF001: text from ${list(untrusted)} could have data from ${list(held)} sent out by ${list(sinks)}`
    : `TF002: text from ${list(untrusted)} could have ${list(sinks)} destroy something`
}
