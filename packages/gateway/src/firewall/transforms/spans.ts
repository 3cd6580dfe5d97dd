import type { Span } from '../detector.ts'

/** Replaces stretches of a text. Spans may come in any order and overlap: what overlaps is one stretch. */
export function replaceSpans(
  text: string,
  spans: readonly Span[],
  put: (found: string, kind: string | undefined) => string,
): string {
  let out = ''
  let at = 0
  for (const { start, end, kind } of merged(spans)) {
    out += text.slice(at, start) + put(text.slice(start, end), kind)
    at = end
  }
  return out + text.slice(at)
}

function merged(spans: readonly Span[]): Span[] {
  const out: Span[] = []
  for (const span of spans.toSorted((a, b) => a.start - b.start)) {
    const last = out.at(-1)
    if (last && span.start < last.end) out[out.length - 1] = { ...last, end: Math.max(last.end, span.end) }
    else out.push(span)
  }
  return out
}
