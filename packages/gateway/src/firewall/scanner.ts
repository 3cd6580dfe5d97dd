import type { Decision } from '../model/decision.ts'
import { ALLOW, deny } from '../model/decision.ts'
import type { Json } from '../model/json.ts'
import { reason } from '../model/reasons.ts'
import type { Detector, Finding } from './detector.ts'
import { detectors } from './detectors/index.ts'

export interface Scan {
  readonly decision: Decision
  /** Present with a `transform` verdict: one string of the value without what was hidden in it. */
  readonly clean?: (text: string) => string
}

export interface Scanner {
  /** `out` towards a server, `in` towards an agent. Linear in the size of the value. */
  scan(value: Json, direction: 'in' | 'out'): Scan
}

const CLEAN: Scan = { decision: ALLOW }

/**
 * Runs the detectors over every string of a message, keys included. A secret is refused both ways. Hidden text is refused on its way
 * out, where the agent can send it again without; on its way in it is taken out and the rest delivered.
 */
export function createScanner(options: { secrets: () => ReadonlyMap<string, string> }): Scanner {
  const all = detectors(options.secrets)
  return {
    scan(value, direction) {
      const finding = firstFinding(value, all, direction === 'in')
      if (!finding) return CLEAN
      if (finding.detector === 'known-secrets') {
        return { decision: deny(reason('CONTENT_SECRET', { secret: finding.what })) }
      }
      const why = reason('CONTENT_HIDDEN', { what: finding.what })
      if (direction === 'out') return { decision: deny(why) }
      return {
        decision: { verdict: { kind: 'transform', note: finding.what }, reasons: [why] },
        clean: (text) => cleaned(text, all),
      }
    },
  }
}

/** `worst` goes on after something that can be taken out, in case there is something that cannot. */
function firstFinding(value: Json, all: readonly Detector[], worst: boolean): Finding | undefined {
  let soft: Finding | undefined
  const look = (text: string): Finding | undefined => {
    for (const detector of all) {
      const finding = detector.suspects(text) ? detector.inspect(text) : undefined
      if (!finding) continue
      if (!worst || finding.cleaned === undefined) return finding
      soft ??= finding
    }
    return undefined
  }
  const walk = (node: Json): Finding | undefined => {
    if (typeof node === 'string') return look(node)
    if (typeof node !== 'object' || node === null) return undefined
    if (Array.isArray(node)) {
      for (const item of node as readonly Json[]) {
        const finding = walk(item)
        if (finding) return finding
      }
      return undefined
    }
    for (const [key, child] of Object.entries(node)) {
      const finding = look(key) ?? walk(child)
      if (finding) return finding
    }
    return undefined
  }
  return walk(value) ?? soft
}

function cleaned(text: string, all: readonly Detector[]): string {
  let out = text
  for (const detector of all) {
    // Taking one thing out can uncover another of the same kind; each round shortens the text.
    for (
      let finding = detector.inspect(out);
      finding?.cleaned !== undefined && finding.cleaned.length < out.length;
    ) {
      out = finding.cleaned
      finding = detector.inspect(out)
    }
  }
  return out
}
