import type { Decision } from '../model/decision.ts'
import { ALLOW, deny } from '../model/decision.ts'
import type { Json } from '../model/json.ts'
import { reason } from '../model/reasons.ts'
import { Allowance } from './allowance.ts'
import type { Detector, Finding, Severity } from './detector.ts'
import { detectors } from './detectors/index.ts'
import type { Handling } from './handling.ts'
import { look } from './look.ts'
import { surveyOf } from './survey/pass.ts'
import type { Treating } from './treat.ts'
import { treat } from './treat.ts'
import type { View } from './views.ts'

/** What was found somewhere in a message, without a word of it. */
export interface Found {
  readonly detector: string
  readonly what: string
  readonly severity: Severity
  /** The forms it was written in, outermost first. */
  readonly via: readonly string[]
}

export interface Scan {
  readonly decision: Decision
  /** Present with a `transform` verdict: one string of the value without what was hidden in it. */
  readonly clean?: (text: string) => string
  /** Strings in which something was found that a rule lets through only treated, with {@link Scanner.treat}. */
  readonly toTreat?: ReadonlySet<string>
  /**
   * Everything found, each kind once. Only what is `refuse`, or blocked by a rule, weighs in the decision; the rest is for whoever knows
   * the task.
   */
  readonly findings: readonly Found[]
}

/** What is done with what is found. */
export interface Looking {
  /** What the operator wants done. */
  readonly handling?: Handling | undefined
}

export interface Scanner {
  /** `out` towards a server, `in` towards an agent. Linear in the size of the value. */
  scan(value: Json, direction: 'in' | 'out', looking?: Looking): Scan
  /** One string as the operator's rules want it. @throws Refusal CONTENT_BLOCKED */
  treat(text: string, how: Treating): string
}

const MAX_FINDINGS = 50
/** Thirteen digits: from here on a number can be that of a card. */
export const LONG_NUMBER = 1_000_000_000_000
const CLEAN: Scan = { decision: ALLOW, findings: [] }

/**
 * Runs the detectors over every string of a message, keys included. A secret is refused both ways. Hidden text is refused on its way
 * out, where the agent can send it again without; on its way in it is taken out and the rest delivered. What else is found is handled as
 * the operator says, and not at all unless they do.
 */
export function createScanner(options: { secrets: () => ReadonlyMap<string, string> }): Scanner {
  const standing = detectors(options.secrets)
  return {
    treat: (text, how) => treat(text, standing, how),
    scan(value, direction, { handling } = {}) {
      const found = new Map<string, Found>()
      let hidden: Finding | undefined
      let refused: Finding | undefined
      let blocked: Finding | undefined
      const toTreat = new Set<string>()
      let at = ''
      const report = (finding: Finding, view: View): void => {
        note(found, finding, view)
        if (finding.severity !== 'refuse') {
          const treatment = handling?.(finding.detector)
          if (treatment === 'block') blocked ??= finding
          else if (treatment !== undefined) toTreat.add(at)
          return
        }
        if (finding.cleaned === undefined) refused ??= finding
        else hidden ??= finding
      }
      for (const detector of standing) detector.begin?.()
      const allowance = new Allowance()
      const isOwed = ({ name }: Detector): boolean => handling?.(name) !== undefined
      const visit = (text: string): boolean => {
        allowance.grow(text.length)
        at = text
        look(text, standing, allowance, report, isOwed)
        return refused === undefined && blocked === undefined
      }
      eachString(value, visit, handling !== undefined)
      if (found.size === 0) return CLEAN
      const findings = [...found.values()]
      if (refused) return { decision: deny(reason('CONTENT_SECRET', { secret: refused.what })), findings }
      if (blocked) {
        const { detector, what } = blocked
        return { decision: deny(reason('CONTENT_BLOCKED', { detector, what })), findings }
      }
      if (!hidden) return { decision: ALLOW, toTreat, findings }
      const why = reason('CONTENT_HIDDEN', { what: hidden.what })
      if (direction === 'out') return { decision: deny(why), findings }
      return {
        decision: { verdict: { kind: 'transform', note: hidden.what }, reasons: [why] },
        clean: (text) => cleaned(text, standing),
        toTreat,
        findings,
      }
    },
  }
}

/** Adds findings to those of an exchange, e.g. `in escalate injection: …`. */
export function noteFindings(names: Set<string>, direction: 'in' | 'out', findings: readonly Found[]): void {
  for (const { detector, what, severity, via } of findings) {
    if (names.size >= MAX_FINDINGS) return
    names.add(
      `${direction} ${severity} ${detector}: ${what}${via.length === 0 ? '' : ` (${via.join(', ')})`}`,
    )
  }
}

function note(found: Map<string, Found>, { detector, what, severity }: Finding, { via }: View): void {
  const key = `${detector}\0${what}`
  if (found.size < MAX_FINDINGS && !found.has(key)) found.set(key, { detector, what, severity, via })
}

/** Until `visit` says no. Numbers only where they could be e.g. the number of a card. */
function eachString(node: Json, visit: (text: string) => boolean, withNumbers: boolean): boolean {
  if (typeof node === 'string') return visit(node)
  if (typeof node === 'number')
    return !withNumbers || Math.abs(node) < LONG_NUMBER || visit(String(Math.abs(node)))
  if (typeof node !== 'object' || node === null) return true
  if (Array.isArray(node))
    return (node as readonly Json[]).every((item) => eachString(item, visit, withNumbers))
  return Object.entries(node).every(([key, child]) => visit(key) && eachString(child, visit, withNumbers))
}

function cleaned(text: string, all: readonly Detector[]): string {
  let out = text
  for (const detector of all.filter(({ reads }) => reads === 'text')) {
    // Taking one thing out can uncover another of the same kind; each round shortens the text.
    for (
      let finding = detector.inspect(surveyOf(out));
      finding?.cleaned !== undefined && finding.cleaned.length < out.length;
    ) {
      out = finding.cleaned
      finding = detector.inspect(surveyOf(out))
    }
  }
  return out
}
