import type { Reason } from './reasons.ts'

export type Verdict =
  | { readonly kind: 'allow' }
  | { readonly kind: 'transform'; readonly note: string }
  | { readonly kind: 'hold'; readonly approval: string; readonly ttlMs: number }
  | { readonly kind: 'deny' }

/** What was decided, with its reasons. */
export interface Decision {
  readonly verdict: Verdict
  readonly reasons: readonly Reason[]
}

export const ALLOW: Decision = Object.freeze({
  verdict: Object.freeze({ kind: 'allow' }),
  reasons: Object.freeze([]),
})

export function deny(...reasons: Reason[]): Decision {
  return { verdict: { kind: 'deny' }, reasons }
}

const SEVERITY = { allow: 0, transform: 1, hold: 2, deny: 3 } as const

/** The most restrictive verdict wins; reasons add up. */
export function join(a: Decision, b: Decision): Decision {
  if (a === ALLOW) return b
  if (b === ALLOW) return a
  const verdict = SEVERITY[b.verdict.kind] > SEVERITY[a.verdict.kind] ? b.verdict : a.verdict
  return { verdict, reasons: [...a.reasons, ...b.reasons] }
}
