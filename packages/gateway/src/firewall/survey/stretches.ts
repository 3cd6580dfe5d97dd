import type { Span } from '../detector.ts'

/** Ordered pairs of numbers, from the first to the last character of something, that grow together when they are near. */
export class Marks {
  readonly #ends: number[] = []

  /** `at` MUST NOT be before any that was added. */
  add(at: number, near: number): void {
    const last = this.#ends.length - 1
    if (last > 0 && at - (this.#ends[last] as number) <= near) this.#ends[last] = at
    else this.#ends.push(at, at)
  }

  /** What is within `before` and `after` of them, each character once. */
  around(before: number, after: number, length: number): Span[] {
    const spans: Span[] = []
    for (let i = 0; i < this.#ends.length; i += 2)
      join(spans, (this.#ends[i] as number) - before, (this.#ends[i + 1] as number) + after, length)
    return spans
  }
}

/** Adds a stretch that begins after all those there, or extends the last one. */
export function join(spans: Span[], from: number, to: number, length: number): void {
  const start = Math.max(0, from)
  const end = Math.min(length, to)
  const last = spans.at(-1)
  if (last && start <= last.end) spans[spans.length - 1] = { start: last.start, end: Math.max(last.end, end) }
  else spans.push({ start, end })
}
